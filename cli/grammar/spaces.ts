/** Spaces, and the secrets in them. */
import { type Command, Option } from 'commander';
import { listSecrets, removeSecrets, setSecret } from '../commands/secrets.ts';
import { APIS, setModel } from '../commands/spaces/space-model.ts';
import { ANTI_AFFINITIES, STRATEGIES, scheduleSpace } from '../commands/spaces/space-scheduling.ts';
import { MAX_SLOTS, PROFILES, setSlots } from '../commands/spaces/space-slots.ts';
import { listSpaces, newSpace, removeSpaces, showSpace } from '../commands/spaces/spaces.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { CONSTRAINT, count, JSON_LIST, PREFER, SPACE, whole } from './options.ts';

export function spaceCommands(program: Command, io: Io, connect: Connect): void {
  const space = program.command('space').description('manage spaces, which own agents, secrets and sessions');
  space
    .command('list')
    .alias('ls')
    .description('list spaces')
    .option(...JSON_LIST)
    .action(async (options) => listSpaces(io, await connect(), options));
  space
    .command('new <name>')
    .description('create a space')
    .option('--description <text>', 'a description')
    .action(async (name, options) => newSpace(io, await connect(), name, options));
  space
    .command('get <space>')
    .description('show one space and its settings')
    .option(...JSON_LIST)
    .action(async (name, options) => showSpace(io, await connect(), name, options));
  space
    .command('schedule <space>')
    .description('set where new sessions of a space run, and print it; what you do not name stays as it is')
    .option(...CONSTRAINT)
    .option(...PREFER)
    .addOption(new Option('--strategy <strategy>', 'the emptiest node, or the fullest that has room').choices(STRATEGIES))
    .addOption(new Option('--anti-affinity <rule>', 'rather on different nodes, or only one session per node').choices(ANTI_AFFINITIES))
    .option('--clear', 'first remove all that is set')
    .action(async (name, options) => scheduleSpace(io, await connect(), name, options));
  space
    .command('model <space>')
    .description('set the model that chooses the agent of a message or answers it, and print it; what you do not name stays as it is')
    .addOption(new Option('--api <api>', 'what its server speaks').choices(APIS))
    .option('--model <name>', 'the name of the model')
    .option('--base-url <url>', 'of a self-hosted or compatible server')
    .option('--key-secret <key>', 'name of the secret with the key (`raworc secret set`)')
    .option('--share-key', 'agents get that secret too')
    .option('--no-share-key', 'they do not')
    .option('--max-tokens <number>', 'of an answer', count)
    .option('--timeout <seconds>', 'for a choice or an answer', count)
    .option('--clear', 'first remove all that is set')
    .action(async (name, options) => setModel(io, await connect(), name, options));
  space
    .command('slots <space>')
    .description('set how many sessions of a space are started ahead of need, and print it; what you do not name stays as it is')
    .option('--min <number>', 'always kept ready', whole(MAX_SLOTS))
    .option('--max <number>', 'at most, however many sessions are created; 0: none', whole(MAX_SLOTS))
    .addOption(new Option('--profile <profile>', 'of the sessions that --min is for').choices(PROFILES))
    .option('--headroom <percent>', 'of the CPU and memory of each node stays free of slots', whole(100))
    .option('--clear', 'first remove all that is set')
    .action(async (name, options) => setSlots(io, await connect(), name, options));
  space
    .command('rm <space...>')
    .description('delete spaces that have no sessions')
    .action(async (names) => removeSpaces(io, await connect(), names));

  const secret = program.command('secret').description("manage secrets: environment variables of a space's agents");
  secret
    .command('list')
    .alias('ls')
    .description('list the keys of secrets, without values')
    .option(...SPACE)
    .option(...JSON_LIST)
    .action(async (options) => listSecrets(io, await connect(), options));
  secret
    .command('set <key>')
    .description('set a secret; the value is typed or read from standard input')
    .option(...SPACE)
    .option('--description <text>', 'a description')
    .action(async (key, options) => setSecret(io, await connect(), key, options));
  secret
    .command('rm <key...>')
    .description('delete secrets')
    .option(...SPACE)
    .action(async (keys, options) => removeSecrets(io, await connect(), keys, options));
}
