/** What happens, and who did what. */
import type { Command } from 'commander';
import { listAudit } from '../commands/audit.ts';
import { followEvents } from '../commands/events.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { count, JSON_LIST, OVER_A_RESTART } from './options.ts';

export function eventCommands(program: Command, io: Io, connect: Connect): void {
  program
    .command('events [session]')
    .description('follow the events of one session, or of all, until Ctrl-C')
    .option('--json', 'one line of JSON per event')
    .action(async (ref, options) => followEvents(io, await connect(OVER_A_RESTART), ref, options));
}

export function auditCommands(program: Command, io: Io, connect: Connect): void {
  const audit = program.command('audit').description('read the audit record: who did what');
  audit
    .command('list')
    .alias('ls')
    .description('list the newest records, oldest first')
    .option('--actor <name>', 'only actions of this account or node')
    .option('--action <name>', 'only this operation, such as createSession or deleteRole')
    .option('--resource <kind>', 'only this kind of resource, or one resource: sessions, secrets/KEY')
    .option('--space <space>', 'only actions in this space')
    .option('--since <time>', 'only from this time on (RFC 3339)')
    .option('--until <time>', 'only up to this time (RFC 3339)')
    .option('--limit <number>', 'how many records, at most 1000', count, 100)
    .option(...JSON_LIST)
    .action(async (options) => listAudit(io, await connect(), options));
}
