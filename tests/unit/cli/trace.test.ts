/** Which agents asked one another, as `raworc session trace` and `raworc chat --trace` draw it. */
import t from 'tap';
import { fakeServer, frame, send, stream, world } from './world.ts';

const ID = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0001';
const M = '7d9f1f6e-3f0c-4c39-a1c7-0f6d3c8f0002';
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();

const message = (id: string, role: string, metadata: object = {}) => ({
  ...{ id, session_id: ID, seq: 7, role, content: 'Plan a trip', metadata, created_by: 'ann', created_at: at(0) },
});
const hop = (id: string, kind: string, from: string, to: string, more: object = {}) => ({
  ...{ id, kind, from, to, run_id: `r-${id}`, question: 'Which trains go?', answer: 'two', outcome: 'reply' },
  ...{ asked_at: at(1), waited_ms: 4, duration_ms: 1200, ...more },
});
const HOPS = [
  hop('1', 'ask', 'planner', 'trains', { question: `Which trains\n go from here to there, ${'and on '.repeat(20)}` }),
  hop('2', 'ask', 'planner', 'hotels', { outcome: 'error', reason: 'agent_inactive', run_id: undefined }),
  hop('3', 'handoff', 'trains', 'buses', { parent_id: '1', asked_at: at(2) }),
  hop('4', 'ask', 'buses', '\u001b[31mred', { parent_id: '3', asked_at: at(2) }),
  hop('5', 'handoff', 'planner', 'writer', { asked_at: at(80), duration_ms: 65_000 }),
];
const answered = {
  state: 'answered',
  message: message(M, 'user'),
  hops: HOPS,
  answer: message('m2', 'agent', { type: 'agent_response', agent: 'writer', duration_ms: 70_000 }),
};
const TREE = `AGENT                      ASKED         WAITED  TOOK        RESULT            QUESTION
planner                                          1 min 10 s  ✓
├─ asks trains             +1.0 s        4 ms    1.2 s       ✓                 Which trains go from here to there, and …
│  └─ hands over to buses  +2.0 s        4 ms    1.2 s       ✓                 Which trains go?
│     └─ asks \\u001b[31mred  +2.0 s        4 ms    1.2 s       ✓                 Which trains go?
├─ asks hotels             +1.0 s                            ✗ agent_inactive  Which trains go?
└─ hands over to writer    +1 min 20 s   4 ms    1 min 5 s   ✓                 Which trains go?
`;
const columns = (text: string) => text.replaceAll(/ {2,}/g, '  ');
const TRACE = `GET /sessions/${ID}/trace/${M}`;
const LIST = `GET /sessions/${ID}/messages`;

t.test('a trace is a tree: of the newest message, or of one by its seq or id; or as JSON', async (t) => {
  const server = await fakeServer(t, { [TRACE]: { body: answered }, [LIST]: { body: [message(M, 'user')] } });
  const { run } = await world(t, server);
  const newest = await run('session', 'trace', ID);
  t.equal(newest.code, 0);
  t.equal(columns(newest.out), columns(TREE));
  t.equal((await run('session', 'trace', ID, '7')).out, newest.out);
  t.equal((await run('session', 'trace', ID, M)).out, newest.out);
  t.same(
    server.requests().filter((request) => request.startsWith(LIST)),
    [`${LIST}?order=desc&role=user&limit=1`, `${LIST}?order=asc&since=6&role=user&limit=1`],
  );
  t.same(JSON.parse((await run('session', 'trace', ID, '--json')).out), JSON.parse(JSON.stringify(answered)));
  t.match(await run('session', 'trace', ID, '8'), { code: 1, err: /no user message with the seq 8/ });
  t.match(await run('session', 'trace', ID, 'x'), { code: 2, err: /neither the id nor the seq/ });
});

t.test('of a message without an answer: what is known', async (t) => {
  const server = await fakeServer(t, { [TRACE]: { body: { state: 'waiting', message: message(M, 'user'), hops: [] } } });
  const { run } = await world(t, server);
  t.match((await run('session', 'trace', ID, M)).out, /^AGENT .*\n- +waiting\n$/);
  server.routes[TRACE] = { body: { state: 'running', message: message(M, 'user'), run: { run_id: 'r', agent: 'planner' }, hops: [] } };
  t.match((await run('session', 'trace', ID, M)).out, /^AGENT .*\nplanner +running\n$/);
});

t.test('chat --trace draws it below each answer, on standard error', async (t) => {
  let open: Parameters<ReturnType<typeof stream>>[0] | undefined;
  const server = await fakeServer(t, {
    [`GET /sessions/${ID}/events`]: (response, asked) => {
      stream()(response, asked);
      open = response;
    },
    [`POST /sessions/${ID}/messages`]: (response) => {
      open?.write(frame('message.created', { message: message('m2', 'agent', { type: 'agent_response', in_reply_to: M }) }, 'e1-9'));
      send(response, 201, message(M, 'user'));
    },
    [TRACE]: { body: answered },
  });
  const { run } = await world(t, server);
  const { code, out, err } = await run('chat', '--trace', ID, 'Plan a trip');
  t.equal(code, 0);
  t.equal(out, 'Plan a trip\n');
  t.equal(columns(err), columns(TREE));
});
