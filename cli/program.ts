import { Command, CommanderError, Option } from 'commander';
import { NothingToCome, RaworcError, Unreachable } from '../sdk/raworc.ts';
import { chat } from './commands/chat.ts';
import { exec, exitCodeOfRefusal, run } from './commands/exec.ts';
import { terminalCommands } from './commands/terminal/commands.ts';
import { checkVariables } from './config.ts';
import { connection } from './connection.ts';
import { copy } from './files/copy.ts';
import { keyCommands, loginCommands } from './grammar/accounts.ts';
import { agentCommands } from './grammar/agents.ts';
import { buildCommands } from './grammar/builds.ts';
import { logCommand } from './grammar/logs.ts';
import { nodeCommands } from './grammar/nodes.ts';
import { portCommands } from './grammar/ports.ts';
import { auditCommands, eventCommands } from './grammar/records.ts';
import { sessionCommands } from './grammar/sessions.ts';
import { spaceCommands } from './grammar/spaces.ts';
import { ioOf, Misuse, painted, Trouble, type World } from './io.ts';
import { indented } from './terminal.ts';
import { version } from './version.ts';

const EXIT = { failed: 1, usage: 2, unreachable: 3, notAllowed: 4, interrupted: 130 } as const;

const HELP = `
RAWORC_URL, RAWORC_TOKEN and RAWORC_CA_FILE override the server, token and CA that \`raworc login\` saved.

Exit codes: 0 success, ${EXIT.failed} failure, ${EXIT.usage} wrong usage, ${EXIT.unreachable} controller unreachable, ${EXIT.notAllowed} not logged in or not allowed, ${EXIT.interrupted} interrupted.
Except after success, standard error says why.`;

/** Runs one command and returns its exit code, as {@link HELP} lists them. */
export async function runCli(args: readonly string[], world: World): Promise<number> {
  const io = ioOf(world);
  let code = 0;
  const { connect, explain } = connection(io);
  const program = new Command('raworc')
    .description('Sessions for AI agents on your own machines')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .addHelpText('after', HELP)
    .hook('preAction', () => checkVariables(world.env));

  loginCommands(program, io, connect);
  agentCommands(program, io, connect);
  buildCommands(program, io, connect);
  sessionCommands(program, io, connect);
  program
    .command('chat <session> [message]')
    .description('send a message to a session (its name, its id or the start of it) and print the answer')
    .option('--agent <name>', 'the agent that answers, if the session has several')
    .option('--trace', 'after each answer, show which agents asked one another')
    .action(async (ref, message, options) => {
      if (!(await chat(io, await connect({ isPatient: true }), ref, message, options))) code = 1;
    });
  logCommand(program, io, connect);
  program
    .command('exec <session> <command...>')
    .description('run a command in a session, and end with its exit code: raworc exec my-session -- ls -l')
    .option('-i, --interactive', 'pass standard input on, once it has ended')
    .option('--cwd <directory>', 'where it runs (default: /session/workspace)')
    .addOption(new Option('--user <user>', 'in a workstation: user (default) or root').choices(['user', 'root'] as const))
    .option('--env <name=value...>', 'set a variable')
    .option('--timeout <seconds>', 'kill it after this time (default: 3600)')
    .option('--no-wake', 'fail if the session is paused or suspended')
    .action(async (ref, command, options) => {
      code = await exec(io, await connect(), ref, command, options);
    });
  program
    .command('cp <from> <to>')
    .description('copy a file or directory to a session or from one: raworc cp data my-session:data (`-` is standard input or output)')
    .option('--no-wake', 'fail if the session is paused or suspended')
    .action(async (from, to, options) => copy(io, await connect(), from, to, options));
  program
    .command('run <command...>')
    .description('run a command in a session of its own, remove the session, and end with the exit code: raworc run -- ls -l')
    .option('--space <space>', 'the space of the session', 'default')
    .addOption(new Option('--profile <profile>', 'locked (default) or workstation').choices(['locked', 'workstation'] as const))
    .option('--image <image>', 'an image that the space allows')
    .option('-i, --interactive', 'pass standard input on, once it has ended')
    .option('--cwd <directory>', 'where it runs (default: /session/workspace)')
    .addOption(new Option('--user <user>', 'in a workstation: user (default) or root').choices(['user', 'root'] as const))
    .option('--env <name=value...>', 'set a variable')
    .option('--timeout <seconds>', 'kill it after this time (default: 3600)')
    .action(async (command, options) => {
      code = await run(io, await connect({ outlivesInterrupt: true }), command, options);
    });
  terminalCommands(program, io, connect, (end) => {
    code = end;
  });
  portCommands(program, io, connect);
  eventCommands(program, io, connect);
  spaceCommands(program, io, connect);
  keyCommands(program, io, connect);
  nodeCommands(program, io, connect);
  auditCommands(program, io, connect);

  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
    if (io.signal.aborted || (error instanceof Error && error.name === 'AbortError')) return EXIT.interrupted;
    const message = error instanceof Trouble || error instanceof NothingToCome ? error.message : explain(error);
    if (message === undefined) throw error;
    io.stderr.write(painted(io, io.stderr, 'red', 'raworc:'), ` ${indented(message)}\n`);
    if (error instanceof Misuse) return EXIT.usage;
    if (error instanceof Unreachable) return EXIT.unreachable;
    if (error instanceof RaworcError && (error.status === 401 || error.status === 403)) return EXIT.notAllowed;
    return exitCodeOfRefusal(error) ?? EXIT.failed;
  }
}
