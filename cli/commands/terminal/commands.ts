import { type Command, Option } from 'commander';
import type { Raworc } from '../../../sdk/raworc.ts';
import type { Io } from '../../io.ts';
import { printList } from '../../listing.ts';
import { findSession } from '../../reference.ts';
import { shell } from './shell.ts';

/** Adds `shell` and `ps`. */
export function terminalCommands(program: Command, io: Io, connect: () => Promise<Raworc>, ended: (code: number) => void): void {
  program
    .command('shell <session> [command...]')
    .description('open a terminal in a session: raworc shell my-session. ~. at the beginning of a line leaves it')
    .option('--attach <process>', 'attach to a process of raworc ps instead')
    .option('--cwd <directory>', 'where it runs (default: /session/workspace)')
    .addOption(new Option('--user <user>', 'in a workstation: user (default) or root').choices(['user', 'root'] as const))
    .option('--no-wake', 'fail if the session is paused or suspended')
    .action(async (ref, command, options) => {
      ended(await shell(io, await connect(), ref, command, options));
    });
  program
    .command('ps <session>')
    .description('list the processes that were started in a session with raworc shell or the API')
    .option('--json', 'print JSON')
    .action(async (ref, { json }) => {
      const raworc = await connect();
      printList(io, await raworc.processes.list(await findSession(raworc, ref)), {
        json,
        none: 'The session has no processes. raworc shell starts one',
        columns: ['ID', 'STATE', 'TERMINAL', 'ATTACHED', 'STARTED', 'COMMAND'],
        row: ({ id, running, exit_code, signal, pty, attached, started_at, command }) => [
          String(id),
          running ? 'running' : `ended (${signal ?? exit_code})`,
          pty === null ? '' : `${pty.cols}x${pty.rows}`,
          String(attached),
          started_at,
          command,
        ],
      });
    });
}
