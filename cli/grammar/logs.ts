import { type Command, InvalidArgumentError, Option } from 'commander';
import { type LogOptions, printLogs } from '../commands/logs.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { count, OVER_A_RESTART, SPACE } from './options.ts';

export function logCommand(program: Command, io: Io, connect: Connect): void {
  narrowed(program.command('logs').description('print the output of all agents in the running sessions of a space'))
    .option('--agent <name>', 'only of this agent')
    .action(async (options) => printLogs(io, await connect(OVER_A_RESTART), options.agent, logOptions(options)));
}

interface Options extends LogOptions {
  readonly stderr?: boolean;
}

/** Adds the options that select lines. */
export const narrowed = (command: Command) =>
  command
    .option(...SPACE)
    .option('--session <session>', 'only from this session')
    .option('--run <id>', 'only from this run: the run_id of an answer')
    .option('--since <time>', 'only from this time on: 10m, 2h, 3d, or RFC 3339', timeIn)
    .option('--until <time>', 'only up to this time', timeIn)
    .option('--lines <number>', 'how many of the newest lines', count, 100)
    .addOption(new Option('--stream <stream>', 'only this stream').choices(['stdout', 'stderr']))
    .addOption(new Option('--stderr', 'the same as --stream stderr').conflicts('stream'))
    .addOption(new Option('-f, --follow', 'keep printing new output until Ctrl-C').conflicts('until'));

export const logOptions = ({ stderr, ...options }: Options): LogOptions => (stderr === true ? { ...options, stream: 'stderr' } : options);

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns an age, or a time, as RFC 3339. */
function timeIn(text: string): string {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return new Date(Date.now() - Number(amount) * (MILLISECONDS[unit] ?? 0)).toISOString();
  if (/^\d{4}-\d\d-\d\d[Tt]/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new InvalidArgumentError('It must be an age such as 10m or 2h, or a time such as 2026-01-31T12:00:00Z.');
}
