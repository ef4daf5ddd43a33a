import { type Command, Option } from 'commander';
import { changeSession, listSessions, newSession, remixSession, removeSessions, showSession } from '../commands/sessions.ts';
import { showTrace } from '../commands/trace.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { CONSTRAINT, JSON_LIST, OVER_A_RESTART, PREFER, SPACE } from './options.ts';

export function sessionCommands(program: Command, io: Io, connect: Connect): void {
  const session = program.command('session').description('manage sessions: computers in which agents live');
  session
    .command('new')
    .description('create a session, wait until it is running, and print its id')
    .option(...SPACE)
    .option('--name <name>', 'a name for the session')
    .addOption(
      new Option('--profile <profile>', 'locked (default), or workstation if the space allows it').choices([
        'locked',
        'workstation',
      ] as const),
    )
    .option('--image <image>', 'of a workstation: an image that the space allows (default: raworc/workstation)')
    .option(...CONSTRAINT)
    .option(...PREFER)
    .action(async (options) => newSession(io, await connect(OVER_A_RESTART), options));
  session
    .command('list')
    .alias('ls')
    .description('list sessions, newest first')
    .option('--space <space>', 'only sessions of this space')
    .option(...JSON_LIST)
    .action(async (options) => listSessions(io, await connect(), options));
  session
    .command('get <session>')
    .description('show one session')
    .option(...JSON_LIST)
    .action(async (ref, options) => showSession(io, await connect(), ref, options));
  session
    .command('trace <session> [message]')
    .description('show which agents asked one another to answer a message: the newest, or the one with this id or seq')
    .option(...JSON_LIST)
    .action(async (ref, message, options) => showTrace(io, await connect(), ref, message, options));
  session
    .command('pause <session>')
    .description('freeze a session and keep its memory')
    .action(async (ref) => changeSession(io, await connect(), 'pause', ref));
  session
    .command('suspend <session>')
    .description('stop a session and keep its files; runs in progress can finish first')
    .option('--force', 'interrupt runs in progress')
    .action(async (ref, options) => changeSession(io, await connect(), 'suspend', ref, options));
  session
    .command('resume <session>')
    .description('resume a paused or suspended session, and wait until it is running')
    .action(async (ref) => changeSession(io, await connect(), 'resume', ref));
  session
    .command('recover <session>')
    .description('restart a failed session on its volume, and wait until it is running')
    .action(async (ref) => changeSession(io, await connect(), 'recover', ref));
  session
    .command('remix <session>')
    .description('create a copy of a session, wait until it is running, and print its id')
    .option('--space <space>', "the space (default: the original's)")
    .option('--name <name>', 'a name for the session')
    .option('--no-data', 'without the files')
    .option('--messages', 'with the messages')
    .option(...CONSTRAINT)
    .option(...PREFER)
    .action(async (ref, options) => remixSession(io, await connect(OVER_A_RESTART), ref, options));
  session
    .command('rm <session...>')
    .description('delete sessions with their volumes and messages')
    .action(async (refs) => removeSessions(io, await connect(), refs));
}
