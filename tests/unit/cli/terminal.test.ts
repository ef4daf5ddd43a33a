/** What a hostile server, node, agent or colleague wrote, printed by every command. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { isPlainText } from '../../../seams/terminal-text.ts';
import { ATTACKS, IN_NAMES } from './terminal-attacks.ts';
import { type Asked, fakeServer, frame, keyboard, stream, world } from './world.ts';

const ID = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001';
const ATTACK = `<${Object.values({ ...ATTACKS, ...IN_NAMES }).join('|')}>`;

/** A thing of any kind, in which every text is an attack. */
const thing = {
  ...{ id: ID, session_id: ID, build_id: ID, name: ATTACK, space: ATTACK, status: ATTACK, state: ATTACK, settled: true, active: true },
  ...{ description: ATTACK, purpose: ATTACK, source_repo: ATTACK, source_branch: ATTACK, created_at: ATTACK, updated_at: ATTACK },
  ...{ created_by: ATTACK, termination_reason: ATTACK, node: ATTACK, container_id: ATTACK, persistent_volume_id: ATTACK, image: ATTACK },
  ...{ timeouts: {}, metadata: { [ATTACK]: ATTACK }, last_activity_at: ATTACK, parent_session_id: ATTACK },
  ...{ key_name: ATTACK, key: ATTACK, expires_at: ATTACK, last_used_at: ATTACK, rules: null, token: ATTACK },
  ...{ version: ATTACK, driver: ATTACK, images: [ATTACK], joined_at: ATTACK, last_seen_at: ATTACK, sessions: 1 },
  ...{ capacity: { cpu: 1, memory_bytes: 1, sessions: null }, requested: { cpu: 1, memory_bytes: 1 } },
  ...{ labels: { zone: ATTACK }, drain: null },
  conditions: [{ type: ATTACK, message: ATTACK, since: ATTACK }],
  ...{ actor: ATTACK, credential: ATTACK, address: ATTACK, action: ATTACK, resource: ATTACK, resource_id: ATTACK, code: ATTACK, count: 2 },
  ...{ user: ATTACK, type: ATTACK, namespace: null, roles: [ATTACK], role_bindings: [{ role_name: ATTACK, space: ATTACK }] },
};
const logs = {
  agent_name: ATTACK,
  space: ATTACK,
  logs: [{ ...thing, agent: ATTACK, run_id: ATTACK, stream: ATTACK, line: ATTACK, timestamp: ATTACK }],
  unread_sessions: 1,
};

const LISTS =
  /^GET \/(audit|sessions|nodes|spaces|api-keys)(\?.*)?$|^GET \/spaces\/[^/]+\/(agents|secrets)(\?.*)?$|^GET \/nodes\/[^/]+\/orphans(\?.*)?$/;

/** Answers everything. */
const hostile = new Proxy<Record<string, { status?: number; body?: unknown }>>(
  {},
  {
    get(_target, asked) {
      const key = String(asked);
      if (key.includes('/logs')) return { body: logs };
      if (LISTS.test(key)) return { body: [thing] };
      return { status: key.startsWith('POST') ? 201 : 200, body: thing };
    },
  },
);

const failing = new Proxy<typeof hostile>({}, { get: () => ({ status: 409, body: { error: { code: 'CONFLICT', message: ATTACK } } }) });

/** Our own colours, and the clearing of a line that we were writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are ours
const withoutOurs = (text: string) => text.replace(/\u001b\[(0|1|2|3[1-6])m|\r\u001b\[2K/g, '');

function judge(t: Test, what: string, printed: string, isReply = false) {
  const text = withoutOurs(printed);
  t.ok(isPlainText(text), `${what}: ${JSON.stringify(text).slice(0, 300)}`);
  t.match(text, /\\u001b\]52/, `${what} printed the attack, spelled out`);
  // A reply has lines of its own.
  if (!isReply) t.notMatch(text, /^root {2}ready/m, `${what}: no line begins with what others wrote`);
}

const COMMANDS: readonly (readonly string[])[] = [
  ['whoami'],
  ['agent', 'list'],
  ['agent', 'stop', 'bob'],
  ['agent', 'logs', 'bob'],
  ['logs'],
  ['session', 'list'],
  ['session', 'get', ID],
  ['space', 'list'],
  ['space', 'new', 'lab'],
  ['secret', 'list'],
  ['key', 'list'],
  ['key', 'new', 'mine'],
  ['audit', 'list'],
  ['node', 'token'],
  ['node', 'list'],
  ['node', 'get', 'node-1'],
  ['node', 'orphans', 'node-1'],
  ['node', 'lost', 'node-1'],
  ['node', 'label', 'node-1'],
  ['node', 'cordon', 'node-1'],
  ['node', 'uncordon', 'node-1'],
  ['node', 'drain', 'node-1', '--no-wait'],
  ['whoami', '--json'],
  ['session', 'list', '--json'],
  ['session', 'get', ID, '--json'],
  ['node', 'get', 'node-1', '--json'],
];

t.test('every command prints others’ text so that the terminal does not act on it', async (t) => {
  const server = await fakeServer(t, hostile);
  const { start } = await world(t, server, { isTerminal: true });
  for (const command of COMMANDS) {
    const { code, out, err } = await start(command, keyboard()).done;
    t.equal(code, 0, `${command.join(' ')}: ${err}`);
    judge(t, command.join(' '), out + err);
  }
});

t.test('JSON on a terminal is still the same JSON', async (t) => {
  const { start } = await world(t, await fakeServer(t, hostile), { isTerminal: true });
  const { out } = await start(['node', 'get', 'node-1', '--json'], keyboard()).done;
  t.same(JSON.parse(out), thing);
});

t.test('errors of the server are printed the same way by every command', async (t) => {
  const { start } = await world(t, await fakeServer(t, failing), { isTerminal: true });
  for (const command of [
    ...COMMANDS,
    ['session', 'new'],
    ['session', 'pause', ID],
    ['session', 'rm', ID],
    ['chat', ID, 'hi'],
    ['events'],
  ]) {
    const { code, err, out } = await start(command, keyboard()).done;
    t.equal(code, 1, command.join(' '));
    judge(t, command.join(' '), out + err);
  }
});

const posted = { id: 'm1', session_id: ID, seq: 1, role: 'user', content: 'hi', metadata: {} };
const talk = (...frames: string[]) => {
  let open: ServerResponse | undefined;
  return {
    [`GET /sessions/${ID}/events`]: (response: ServerResponse, asked: Asked) => {
      stream()(response, asked);
      open = response;
    },
    [`POST /sessions/${ID}/messages`]: (response: ServerResponse) => {
      open?.write(frames.join(''));
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify(posted));
    },
  };
};
const piece = (number: number, text: string) =>
  frame('delta', { session_id: ID, message_id: 'm1', run_id: 'r1', agent: 'a', number, text });
const answer = (content: string, type = 'agent_response') =>
  frame(
    'message.created',
    { message: { ...posted, id: 'm2', role: 'agent', content, metadata: { type, in_reply_to: 'm1', reason: ATTACK } } },
    'e1-9',
  );

t.test('a streamed reply is safe, even if its sequences are split', async (t) => {
  const pieces = [...ATTACK].map((character, at) => piece(at + 1, character));
  for (const [what, frames, isReply] of [
    ['whole', [answer(ATTACK)], true],
    ['in pieces of one character', [...pieces, answer(ATTACK)], true],
    ['a failure', [answer(ATTACK, 'error_response')], false],
  ] as const) {
    const { start } = await world(t, await fakeServer(t, talk(...frames)), { isTerminal: true });
    const { out, err } = await start(['chat', ID, 'hi'], keyboard()).done;
    judge(t, what, out + err, isReply);
  }
});

t.test('a reply into a pipe is byte-identical', async (t) => {
  const { start } = await world(t, await fakeServer(t, talk(answer(ATTACK))));
  const { out } = await start(['chat', ID, 'hi'], Readable.from([])).done;
  t.equal(out, `${ATTACK}\n`);
});

t.test('followed events and lines are safe', async (t) => {
  const heard = [
    frame('session.state', { at: ATTACK, session: thing }, 'e1-1'),
    frame('log', { ...thing, at: ATTACK, line: ATTACK }),
    frame('delta', { ...thing, at: ATTACK, text: ATTACK }),
    frame('message.created', { at: ATTACK, message: { ...posted, content: ATTACK } }, 'e1-2'),
    frame('session.deleted', { at: ATTACK, session: thing }, 'e1-3'),
  ];
  for (const json of [[], ['--json']]) {
    const server = await fakeServer(t, { 'GET /events': stream(...heard) });
    const { start } = await world(t, server, { isTerminal: true });
    const run = start(['events', ...json], keyboard());
    while (!run.out.join('').includes('session.deleted')) await run.printed();
    run.leave.abort();
    const { out, err } = await run.done;
    judge(t, `events ${json}`, out + err);
    t.equal(withoutOurs(out).trimEnd().split('\n').length, heard.length, 'one line each');
  }
});
