import { type Command, InvalidArgumentError } from 'commander';
import { listNodeTokens, makeNodeToken, revokeNodeToken } from '../commands/node-tokens.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';

/** `raworc node token`, which creates one, and the commands below it. */
export function nodeTokenCommands(node: Command, io: Io, connect: Connect): void {
  const token = node
    .command('token')
    .description('print the command with which hosts join')
    .option('--uses <number>', 'how many hosts can join with it (default: 1)', uses)
    .option('--expires <time>', 'how long it is valid, such as 30m, 12h or 7d (default: 1h)', seconds)
    .option('--label <key=value>', 'a label for the nodes that join; can be repeated', (label, before: string[] = []) => [...before, label])
    .option('--token-only', 'print only its token')
    .action(async (options) => makeNodeToken(io, await connect(), options));
  token
    .command('list')
    .alias('ls')
    .description('list the tokens that can still be used')
    .option('--json', 'as JSON')
    .action(async (options) => listNodeTokens(io, await connect(), options));
  token
    .command('revoke <id>')
    .alias('rm')
    .description('revoke a token; nodes that joined with it stay')
    .action(async (id) => revokeNodeToken(io, await connect(), id));
}

function uses(text: string): number {
  if (!/^[1-9]\d{0,2}$|^1000$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 1000.');
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const MAX_S = 7 * 86_400;

function seconds(text: string): number {
  const [, number, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const found = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (!(found <= MAX_S)) throw new InvalidArgumentError('It must be a time such as 30m, 12h or 7d, at most 7d.');
  return found;
}
