/** What can be said on the command line. What is done then stands in commands/. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { deployAgent } from './commands/agent-deploy.ts';
import { listAgents, printLogs, removeAgents, stopAgent } from './commands/agents.ts';
import { listAudit } from './commands/audit.ts';
import { followEvents } from './commands/events.ts';
import { listKeys, newKey, removeKeys } from './commands/keys.ts';
import { login, logout, whoAmI } from './commands/login.ts';
import { adoptOrphan, discardOrphan, listNodes, listOrphans, loseNode, makeNodeToken, showNode } from './commands/nodes.ts';
import { listSecrets, removeSecrets, setSecret } from './commands/secrets.ts';
import { changeSession, listSessions, newSession, remixSession, removeSessions, showSession } from './commands/sessions.ts';
import { listSpaces, newSpace, removeSpaces } from './commands/spaces.ts';
import { DEFAULT_URL } from './config.ts';
import type { Connect } from './connection.ts';
import type { Io } from './io.ts';

const SPACE = ['--space <space>', 'the space', 'default'] as const;
const JSON_LIST = ['--json', 'as JSON'] as const;
const OVER_A_RESTART = { isPatient: true };

export function loginCommands(program: Command, io: Io, connect: Connect): void {
  program
    .command('login')
    .description('log in and keep the token')
    .option('--url <url>', `the server (default: RAWORC_URL or ${DEFAULT_URL})`)
    .option('--user <name>', 'the account', 'admin')
    .option('--password-file <file>', 'read the password from a file, or with - from standard input')
    .action((options) => login(io, options));
  program
    .command('logout')
    .description('end the login and forget it')
    .option('--everywhere', 'end every login of the account')
    .action(async (options) => logout(io, await connect(), options));
  program
    .command('whoami')
    .description('say whose login it is')
    .option(...JSON_LIST)
    .action(async (options) => whoAmI(io, await connect(), options));
}

export function agentCommands(program: Command, io: Io, connect: Connect): void {
  const agent = program.command('agent').description('agents: programs that answer messages');
  agent
    .command('deploy <directory>')
    .description('upload a directory as an agent and build it')
    .option(...SPACE)
    .option('--name <name>', "the agent's name (default: the directory's)")
    .option('--timeout <minutes>', 'how long to wait for the build', count, 30)
    .action(async (directory, options) => deployAgent(io, await connect(OVER_A_RESTART), directory, options));
  agent
    .command('list')
    .alias('ls')
    .description('list the agents of a space')
    .option(...SPACE)
    .option(...JSON_LIST)
    .action(async (options) => listAgents(io, await connect(), options));
  agent
    .command('stop <agent>')
    .description('end an agent everywhere, until it is deployed again')
    .option(...SPACE)
    .action(async (name, options) => stopAgent(io, await connect(), name, options));
  agent
    .command('logs <agent>')
    .description('print what an agent printed in the sessions that are up')
    .option(...SPACE)
    .option('--session <session>', 'only in this session')
    .option('--lines <number>', 'how many of the newest', count, 100)
    .addOption(new Option('--stream <stream>', 'only one of the two').choices(['stdout', 'stderr']))
    .option('--follow', 'go on with what it prints, until Ctrl-C')
    .action(async (name, options) => printLogs(io, await connect(OVER_A_RESTART), name, options));
  agent
    .command('rm <agent...>')
    .description('remove agents from a space')
    .option(...SPACE)
    .action(async (names, options) => removeAgents(io, await connect(), names, options));
}

export function sessionCommands(program: Command, io: Io, connect: Connect): void {
  const session = program.command('session').description('sessions: computers in which agents live');
  session
    .command('new')
    .description('make a session, wait until it is up, and print its id')
    .option(...SPACE)
    .option('--name <name>', 'a name for it')
    .action(async (options) => newSession(io, await connect(OVER_A_RESTART), options));
  session
    .command('list')
    .alias('ls')
    .description('list sessions, newest first')
    .option('--space <space>', 'only those of this space')
    .option(...JSON_LIST)
    .action(async (options) => listSessions(io, await connect(), options));
  session
    .command('get <session>')
    .description('show one session')
    .option(...JSON_LIST)
    .action(async (ref, options) => showSession(io, await connect(), ref, options));
  session
    .command('pause <session>')
    .description('freeze a session where it is; memory is kept')
    .action(async (ref) => changeSession(io, await connect(), 'pause', ref));
  session
    .command('suspend <session>')
    .description('stop a session and keep its files; what runs may finish first')
    .option('--force', 'interrupt what runs')
    .action(async (ref, options) => changeSession(io, await connect(), 'suspend', ref, options));
  session
    .command('resume <session>')
    .description('bring a paused or suspended session back, and wait until it is up')
    .action(async (ref) => changeSession(io, await connect(), 'resume', ref));
  session
    .command('recover <session>')
    .description('start a session in state error again on its volume, and wait until it is up')
    .action(async (ref) => changeSession(io, await connect(), 'recover', ref));
  session
    .command('remix <session>')
    .description('make a session that begins as a copy of another, wait until it is up, and print its id')
    .option('--space <space>', "the space (default: the other's)")
    .option('--name <name>', 'a name for it')
    .option('--no-data', 'without its files')
    .option('--messages', 'with its messages')
    .action(async (ref, options) => remixSession(io, await connect(OVER_A_RESTART), ref, options));
  session
    .command('rm <session...>')
    .description('end sessions for good, with their volumes and messages')
    .action(async (refs) => removeSessions(io, await connect(), refs));
}

export function spaceCommands(program: Command, io: Io, connect: Connect): void {
  const space = program.command('space').description('spaces: each with agents, secrets and sessions of its own');
  space
    .command('list')
    .alias('ls')
    .description('list the spaces')
    .option(...JSON_LIST)
    .action(async (options) => listSpaces(io, await connect(), options));
  space
    .command('new <name>')
    .description('make a space')
    .option('--description <text>', 'what it is for')
    .action(async (name, options) => newSpace(io, await connect(), name, options));
  space
    .command('rm <space...>')
    .description('remove spaces that have no sessions')
    .action(async (names) => removeSpaces(io, await connect(), names));

  const secret = program.command('secret').description('secrets: what the agents of a space find in their environment');
  secret
    .command('list')
    .alias('ls')
    .description('list the keys of secrets')
    .option(...SPACE)
    .option(...JSON_LIST)
    .action(async (options) => listSecrets(io, await connect(), options));
  secret
    .command('set <key>')
    .description('set a secret; the value is typed, or read from standard input')
    .option(...SPACE)
    .option('--description <text>', 'what it is for')
    .action(async (key, options) => setSecret(io, await connect(), key, options));
  secret
    .command('rm <key...>')
    .description('remove secrets')
    .option(...SPACE)
    .action(async (keys, options) => removeSecrets(io, await connect(), keys, options));
}

export function keyCommands(program: Command, io: Io, connect: Connect): void {
  const key = program.command('key').description('API keys: for programs that act for you');
  key
    .command('list')
    .alias('ls')
    .description('list your keys')
    .option(...JSON_LIST)
    .action(async (options) => listKeys(io, await connect(), options));
  key
    .command('new <name>')
    .description('make a key and print it')
    .option('--expires <when>', 'when it ends: 30d, 12h, or a time (default: never)')
    .action(async (name, options) => newKey(io, await connect(), name, options));
  key
    .command('rm <key...>')
    .description('remove keys, by id or name')
    .action(async (refs) => removeKeys(io, await connect(), refs));
}

export function eventCommands(program: Command, io: Io, connect: Connect): void {
  program
    .command('events [session]')
    .description('follow what happens, in one session or everywhere, until Ctrl-C')
    .option('--json', 'a line of JSON each')
    .action(async (ref, options) => followEvents(io, await connect(OVER_A_RESTART), ref, options));
}

export function auditCommands(program: Command, io: Io, connect: Connect): void {
  const audit = program.command('audit').description('the audit record: who did what');
  audit
    .command('list')
    .alias('ls')
    .description('list the newest records, the oldest of these first')
    .option('--actor <name>', 'only what this account or node did')
    .option('--action <name>', 'only this operation: createSession, deleteRole, …')
    .option('--resource <kind>', 'only things of this kind, or one of them: sessions, secrets/KEY')
    .option('--space <space>', 'only what happened in this space')
    .option('--since <time>', 'not before this time (RFC 3339)')
    .option('--until <time>', 'not after this time')
    .option('--limit <number>', 'how many, at most 1000', count, 100)
    .option(...JSON_LIST)
    .action(async (options) => listAudit(io, await connect(), options));
}

export function nodeCommands(program: Command, io: Io, connect: Connect): void {
  const node = program.command('node').description('nodes: the machines that sessions run on');
  node
    .command('token')
    .description('print a token with which one machine joins')
    .action(async () => makeNodeToken(io, await connect()));
  node
    .command('list')
    .alias('ls')
    .description('list the nodes and their conditions')
    .option(...JSON_LIST)
    .action(async (options) => listNodes(io, await connect(), options));
  node
    .command('get <node>')
    .description('show one node, and what each of its conditions means')
    .option(...JSON_LIST)
    .action(async (ref, options) => showNode(io, await connect(), ref, options));
  node
    .command('orphans <node>')
    .description('list what a node holds and no session explains')
    .option(...JSON_LIST)
    .action(async (ref, options) => listOrphans(io, await connect(), ref, options));
  node
    .command('adopt <node> <session>')
    .description('make a session of an orphan')
    .action(async (ref, id) => adoptOrphan(io, await connect(), ref, id));
  node
    .command('discard <node> <session>')
    .description('remove an orphan for good, with its files')
    .action(async (ref, id) => discardOrphan(io, await connect(), ref, id));
  node
    .command('lost <node>')
    .description('give up a node that is unreachable: its sessions fail now, and can be recovered should it come back')
    .action(async (ref) => loseNode(io, await connect(), ref));
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return Number(text);
}
