import type { ServerResponse } from 'node:http';
import t from 'tap';
import { type Asked, fakeServer, send, world } from './cli-world.ts';

const session = (id: string, name: string | null = null, more: object = {}) => ({
  id,
  name,
  space: 'default',
  state: 'idle',
  node: 'node-1',
  created_at: '2026-01-02T03:04:05.678Z',
  termination_reason: null,
  ...more,
});
const A = 'aaaa1111-0000-4000-8000-000000000001';
const B = 'aaaa2222-0000-4000-8000-000000000002';
const C = 'bbbb3333-0000-4000-8000-000000000003';
const some = { body: [session(A, 'first'), session(B), session(C, 'aaaa')] };

t.test('a new session: waits until it is up and prints its id alone', async (t) => {
  const server = await fakeServer(t, { 'POST /sessions': { status: 201, body: session(A) } });
  const { run } = await world(t, server);
  t.match(await run('session', 'new', '--name', 'mine', '--space', 'lab'), { code: 0, out: `${A}\n`, err: /idle on node-1/ });
  t.match(server.asked[0], {
    path: '/sessions?wait=120s',
    json: { space: 'lab', name: 'mine' },
    headers: { authorization: 'Bearer token-1' },
  });
});

t.test('a new session that fails, is late, or finds no room', async (t) => {
  const full = { status: 503, body: { error: { code: 'UNAVAILABLE', message: 'No node has room: 128 MiB asked for, 64 MiB free.' } } };
  for (const [answer, err] of [
    [{ body: session(A, null, { state: 'error', termination_reason: 'no image' }) }, /The session failed: no image/],
    [{ body: session(A, null, { state: 'init' }) }, /not up after 120s/],
    [full, /No node has room/],
  ] as const) {
    const { run } = await world(t, await fakeServer(t, { 'POST /sessions': answer }));
    t.match(await run('session', 'new'), { code: 1, err });
  }
});

t.test('the list: a table, or JSON with everything the server said', async (t) => {
  const { run } = await world(t, await fakeServer(t, { 'GET /sessions': some }));
  const listed = await run('session', 'list');
  t.equal(
    listed.out,
    `ID                                    NAME   SPACE    STATE  NODE    CREATED
${A}  first  default  idle   node-1  2026-01-02T03:04:05.678Z
${B}  -      default  idle   node-1  2026-01-02T03:04:05.678Z
${C}  aaaa   default  idle   node-1  2026-01-02T03:04:05.678Z
`,
  );
  t.same(JSON.parse((await run('session', 'list', '--json')).out), some.body);
});

t.test('all pages are read', async (t) => {
  const all = Array.from({ length: 1001 }, (_, index) => session(`${index}`));
  const server = await fakeServer(t, {
    'GET /sessions': (response: ServerResponse, asked: Asked) => {
      const offset = Number(new URLSearchParams(asked.path.split('?')[1]).get('offset'));
      send(response, 200, all.slice(offset, offset + 1000));
    },
  });
  const { run } = await world(t, server);
  t.equal(JSON.parse((await run('session', 'ls', '--json')).out).length, 1001);
});

t.test('a session is meant by id, name, or the beginning of its id', async (t) => {
  const removal = { status: 204 };
  const server = await fakeServer(t, { 'GET /sessions': some, [`DELETE /sessions/${A}`]: removal, [`DELETE /sessions/${C}`]: removal });
  const { run } = await world(t, server);
  for (const [ref, out] of [
    [A, A],
    ['first', A],
    ['aaaa1', A],
    ['BBBB', C],
    ['aaaa', C],
  ] as const) {
    t.match(await run('session', 'rm', ref), { code: 0, out: `${out}\n` }, `${ref}: a name comes before the beginning of an id`);
  }
  for (const [ref, err] of [
    ['aaa', /may be one of 2 sessions/],
    ['cccc', /no session "cccc"/],
    [B, /nothing at/],
  ] as const) {
    t.match(await run('session', 'rm', ref), { code: 1, out: '', err }, ref);
  }
  t.match(await run('session', 'rm', 'cccc', 'first'), { code: 1, out: `${A}\n`, err: /cccc/ }, 'the others are removed all the same');
});

t.test('nodes: a token alone on standard output, and a list', async (t) => {
  const node = {
    id: 'x',
    name: 'node-1',
    status: 'ready',
    version: '0.1.0',
    capacity: { cpu: 2, memory_bytes: 4 * 1024 ** 3, sessions: null },
    requested: { cpu: 0.05, memory_bytes: 128 * 1024 ** 2 },
    sessions: 1,
  };
  const server = await fakeServer(t, {
    'POST /nodes/tokens': { status: 201, body: { token: 'rwn_x', expires_at: '2026-01-01T00:00:00.000Z' } },
    'GET /nodes': { body: [node] },
  });
  const { run } = await world(t, server);
  t.match(await run('node', 'token'), { code: 0, out: 'rwn_x\n' });
  t.equal(
    (await run('node', 'list')).out,
    `NAME    STATUS  SESSIONS  CPU        MEMORY            VERSION
node-1  ready   1         0.05 of 2  128 MiB of 4 GiB  0.1.0
`,
  );
});

t.test('an answer of something that is no Raworc is one line', async (t) => {
  const { run } = await world(t, await fakeServer(t, { 'GET /nodes': { body: { hello: 1 } } }));
  const ran = await run('node', 'list');
  t.match(ran, { code: 1, err: /something else than expected/ });
});
