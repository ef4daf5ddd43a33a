import { Command, CommanderError } from 'commander';
import { Client } from './client.ts';
import { deployAgent } from './commands/agent-deploy.ts';
import { chat } from './commands/chat.ts';
import { followEvents } from './commands/events.ts';
import { login } from './commands/login.ts';
import { adoptOrphan, discardOrphan, listNodes, listOrphans, loseNode, makeNodeToken } from './commands/nodes.ts';
import { changeSession, listSessions, newSession, removeSessions, showSession } from './commands/sessions.ts';
import { DEFAULT_URL, findAccess } from './config.ts';
import { type Io, painted, Trouble } from './io.ts';
import { version } from './version.ts';

const INTERRUPTED = 130;

/** Runs one command and returns its exit code: 0, 1 when something is wrong (said on standard error in one line), 130 after Ctrl-C. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const connected = async () => new Client(await findAccess(io), io.signal);
  const program = new Command('raworc')
    .description('Sessions for AI agents on your own machines')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .addHelpText('after', '\nThe server and token of `raworc login` are used, or RAWORC_URL and RAWORC_TOKEN.');

  program
    .command('login')
    .description('log in and keep the token')
    .option('--url <url>', `the server (default: RAWORC_URL or ${DEFAULT_URL})`)
    .option('--user <name>', 'the account', 'admin')
    .option('--password-file <file>', 'read the password from a file, or with - from standard input')
    .action((options) => login(io, options));

  const agent = program.command('agent').description('agents: programs that answer messages');
  agent
    .command('deploy <directory>')
    .description('upload a directory as an agent and build it')
    .option('--space <space>', 'the space', 'default')
    .option('--name <name>', "the agent's name (default: the directory's)")
    .action(async (directory, options) => deployAgent(io, await connected(), directory, options));

  const session = program.command('session').description('sessions: computers in which agents live');
  session
    .command('new')
    .description('make a session, wait until it is up, and print its id')
    .option('--space <space>', 'the space', 'default')
    .option('--name <name>', 'a name for it')
    .action(async (options) => newSession(io, await connected(), options));
  session
    .command('list')
    .alias('ls')
    .description('list sessions, newest first')
    .option('--space <space>', 'only those of this space')
    .option('--json', 'as JSON')
    .action(async (options) => listSessions(io, await connected(), options));
  session
    .command('get <session>')
    .description('show one session')
    .option('--json', 'as JSON')
    .action(async (ref, options) => showSession(io, await connected(), ref, options));
  session
    .command('pause <session>')
    .description('freeze a session where it is; memory is kept')
    .action(async (ref) => changeSession(io, await connected(), 'pause', ref));
  session
    .command('suspend <session>')
    .description('stop a session and keep its files; what runs may finish first')
    .option('--force', 'interrupt what runs')
    .action(async (ref, options) => changeSession(io, await connected(), 'suspend', ref, options));
  session
    .command('resume <session>')
    .description('bring a paused or suspended session back, and wait until it is up')
    .action(async (ref) => changeSession(io, await connected(), 'resume', ref));
  session
    .command('rm <session...>')
    .description('end sessions for good, with their volumes and messages')
    .action(async (refs) => removeSessions(io, await connected(), refs));

  program
    .command('chat <session> [message]')
    .description('say something to a session (its id, the beginning of it, or its name) and print the answer')
    .option('--agent <name>', 'who is to answer, where a session has several agents')
    .action(async (ref, message, options) => {
      if (!(await chat(io, await connected(), ref, message, options.agent))) code = 1;
    });

  program
    .command('events [session]')
    .description('follow what happens, in one session or everywhere, until Ctrl-C')
    .option('--json', 'a line of JSON each')
    .action(async (ref, options) => followEvents(io, await connected(), ref, options));

  const node = program.command('node').description('nodes: the machines that sessions run on');
  node
    .command('token')
    .description('print a token with which one machine joins')
    .action(async () => makeNodeToken(io, await connected()));
  node
    .command('list')
    .alias('ls')
    .description('list the nodes')
    .option('--json', 'as JSON')
    .action(async (options) => listNodes(io, await connected(), options));
  node
    .command('orphans <node>')
    .description('list what a node holds and no session explains')
    .option('--json', 'as JSON')
    .action(async (ref, options) => listOrphans(io, await connected(), ref, options));
  node
    .command('adopt <node> <session>')
    .description('make a session of an orphan')
    .action(async (ref, id) => adoptOrphan(io, await connected(), ref, id));
  node
    .command('discard <node> <session>')
    .description('remove an orphan for good, with its files')
    .action(async (ref, id) => discardOrphan(io, await connected(), ref, id));
  node
    .command('lost <node>')
    .description('give up a node that is unreachable: its sessions fail now, and can be recovered should it come back')
    .action(async (ref) => loseNode(io, await connected(), ref));

  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (io.signal.aborted || (error instanceof Error && error.name === 'AbortError')) return INTERRUPTED;
    if (!(error instanceof Trouble)) throw error;
    io.stderr.write(`${painted(io, io.stderr, 'red', 'raworc:')} ${error.message}\n`);
    return 1;
  }
}
