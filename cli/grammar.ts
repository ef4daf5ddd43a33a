/** The commands of the command line, their arguments and options. commands/ carries them out. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { deployAgent } from './commands/agent-deploy.ts';
import { listAgents, printLogs, removeAgents, stopAgent } from './commands/agents.ts';
import { listAudit } from './commands/audit.ts';
import { followEvents } from './commands/events.ts';
import { listKeys, newKey, removeKeys } from './commands/keys.ts';
import { login, logout, whoAmI } from './commands/login.ts';
import { cordonNode, drainNode, labelNode, uncordonNode } from './commands/node-scheduling.ts';
import { adoptOrphan, discardOrphan, listNodes, listOrphans, loseNode, removeNode, showNode } from './commands/nodes.ts';
import { listSecrets, removeSecrets, setSecret } from './commands/secrets.ts';
import { changeSession, listSessions, newSession, remixSession, removeSessions, showSession } from './commands/sessions.ts';
import { listSpaces, newSpace, removeSpaces } from './commands/spaces.ts';
import { DEFAULT_URL } from './config.ts';
import type { Connect } from './connection.ts';
import type { Io } from './io.ts';
import { nodeTokenCommands } from './node-token-grammar.ts';

const SPACE = ['--space <space>', 'the space', 'default'] as const;
const JSON_LIST = ['--json', 'as JSON'] as const;
const more = (value: string, before: readonly string[] = []) => [...before, value];
const CONSTRAINT = [
  '--constraint <rule>',
  'only on nodes with these labels: zone=a, zone=a,b, zone!=a, gpu or !gpu; repeatable',
  more,
] as const;
const PREFER = [
  '--prefer <rule>',
  'rather on nodes with these labels; a weight of 1 to 100 can follow: zone=a:80; repeatable',
  more,
] as const;
const OVER_A_RESTART = { isPatient: true };

export function loginCommands(program: Command, io: Io, connect: Connect): void {
  program
    .command('login')
    .description('log in and save the token')
    .option('--url <url>', `the server (default: RAWORC_URL or ${DEFAULT_URL})`)
    .option('--user <name>', 'the account', 'admin')
    .option('--ca <file>', 'trust only the CA certificates in this file (default: RAWORC_CA_FILE, or the CAs of Node.js)')
    .option('--password-file <file>', 'read the password from a file, or with - from standard input')
    .action((options) => login(io, options));
  program
    .command('logout')
    .description('log out and delete the saved token')
    .option('--everywhere', 'revoke every login of this account')
    .action(async (options) => logout(io, await connect(), options));
  program
    .command('whoami')
    .description('show which account you are logged in as')
    .option(...JSON_LIST)
    .action(async (options) => whoAmI(io, await connect(), options));
}

export function agentCommands(program: Command, io: Io, connect: Connect): void {
  const agent = program.command('agent').description('manage agents: programs that answer messages');
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
    .description('stop an agent in every session until it is deployed again')
    .option(...SPACE)
    .action(async (name, options) => stopAgent(io, await connect(), name, options));
  agent
    .command('logs <agent>')
    .description('print the output of an agent in running sessions')
    .option(...SPACE)
    .option('--session <session>', 'only from this session')
    .option('--lines <number>', 'how many of the newest lines', count, 100)
    .addOption(new Option('--stream <stream>', 'only this stream').choices(['stdout', 'stderr']))
    .option('--follow', 'keep printing new output until Ctrl-C')
    .action(async (name, options) => printLogs(io, await connect(OVER_A_RESTART), name, options));
  agent
    .command('rm <agent...>')
    .description('delete agents from a space')
    .option(...SPACE)
    .action(async (names, options) => removeAgents(io, await connect(), names, options));
}

export function sessionCommands(program: Command, io: Io, connect: Connect): void {
  const session = program.command('session').description('manage sessions: computers in which agents live');
  session
    .command('new')
    .description('create a session, wait until it is running, and print its id')
    .option(...SPACE)
    .option('--name <name>', 'a name for the session')
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

export function keyCommands(program: Command, io: Io, connect: Connect): void {
  const key = program.command('key').description('manage API keys for programs that act on your behalf');
  key
    .command('list')
    .alias('ls')
    .description('list your API keys')
    .option(...JSON_LIST)
    .action(async (options) => listKeys(io, await connect(), options));
  key
    .command('new <name>')
    .description('create an API key and print it')
    .option('--expires <when>', 'when it expires: 30d, 12h or a time (default: never)')
    .action(async (name, options) => newKey(io, await connect(), name, options));
  key
    .command('rm <key...>')
    .description('delete API keys by id or name')
    .action(async (refs) => removeKeys(io, await connect(), refs));
}

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

export function nodeCommands(program: Command, io: Io, connect: Connect): void {
  const node = program.command('node').description('manage nodes: the machines that run sessions');
  nodeTokenCommands(node, io, connect);
  node
    .command('list')
    .alias('ls')
    .description('list nodes and their conditions')
    .option(...JSON_LIST)
    .action(async (options) => listNodes(io, await connect(), options));
  node
    .command('get <node>')
    .description('show one node and explain its conditions')
    .option(...JSON_LIST)
    .action(async (ref, options) => showNode(io, await connect(), ref, options));
  node
    .command('label <node> [labels...]')
    .description('set labels given as KEY=VALUE, remove those given as KEY-, and print all labels')
    .action(async (ref, labels) => labelNode(io, await connect(), ref, labels));
  node
    .command('cordon <node>')
    .description('place no new sessions on a node; its sessions continue, and still wake')
    .action(async (ref) => cordonNode(io, await connect(), ref));
  node
    .command('uncordon <node>')
    .description('place sessions on a node again, and end its drain')
    .action(async (ref) => uncordonNode(io, await connect(), ref));
  node
    .command('drain <node>')
    .description('cordon a node, suspend its sessions, and wait until none runs; files stay, and messages wait until uncordon')
    .option('--deadline <minutes>', 'how long busy sessions can finish (default: 60)', minutes)
    .option('--no-interrupt', 'let busy sessions finish, however long they take')
    .option('--no-wait', 'return at once')
    .action(async (ref, options) => drainNode(io, await connect(OVER_A_RESTART), ref, options));
  node
    .command('orphans <node>')
    .description('list containers and volumes on a node that belong to no session')
    .option(...JSON_LIST)
    .action(async (ref, options) => listOrphans(io, await connect(), ref, options));
  node
    .command('adopt <node> <session>')
    .description('turn an orphan into a session')
    .action(async (ref, id) => adoptOrphan(io, await connect(), ref, id));
  node
    .command('discard <node> <session>')
    .description('delete an orphan with its files')
    .action(async (ref, id) => discardOrphan(io, await connect(), ref, id));
  node
    .command('remove <node>')
    .alias('rm')
    .description('remove a node without sessions from the cluster: its certificate is refused from then on')
    .option('--lost', 'also with sessions: they fail, and their files are given up')
    .action(async (ref, options) => removeNode(io, await connect(), ref, options));
  node
    .command('lost <node>')
    .description('declare an unreachable node lost: its sessions fail now, and can be recovered if it comes back')
    .action(async (ref) => loseNode(io, await connect(), ref));
}

function minutes(text: string): number {
  if (!/^(0|[1-9]\d{0,3})$/.test(text)) throw new InvalidArgumentError('It must be a number of minutes from 0 to 9999.');
  return Number(text);
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a positive integer.');
  return Number(text);
}
