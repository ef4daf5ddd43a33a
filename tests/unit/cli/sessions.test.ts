import type { ServerResponse } from 'node:http';
import t from 'tap';
import { type Asked, fakeServer, frame, send, stream, world } from './world.ts';

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

t.test('a new session: waits until it is up and prints only its id', async (t) => {
  const server = await fakeServer(t, { 'POST /sessions': { status: 201, body: session(A) } });
  const { run } = await world(t, server);
  t.match(await run('session', 'new', '--name', 'mine', '--space', 'lab'), { code: 0, out: `${A}\n`, err: /idle on node-1/ });
  t.match(server.asked[0], {
    path: '/sessions?wait=120s',
    json: { space: 'lab', name: 'mine' },
    headers: { authorization: 'Bearer token-1' },
  });
});

t.test('rules about nodes are sent as typed, and shown like that', async (t) => {
  const server = await fakeServer(t, { 'POST /sessions': { status: 201, body: session(A) } });
  const { run } = await world(t, server);
  const rules = [
    '--constraint',
    'zone=a,b',
    '--constraint',
    'disk!=hdd',
    '--constraint',
    '!old',
    '--prefer',
    'gpu:80',
    '--prefer',
    'zone=a',
  ];
  t.match(await run('session', 'new', ...rules), { code: 0 });
  t.same(server.asked[0]?.json, {
    space: 'default',
    constraints: [
      { label: 'zone', operator: 'in', values: ['a', 'b'] },
      { label: 'disk', operator: 'not_in', values: ['hdd'] },
      { label: 'old', operator: 'not_exists' },
    ],
    preferences: [
      { label: 'gpu', operator: 'exists', weight: 80 },
      { label: 'zone', operator: 'in', values: ['a'] },
    ],
  });
  for (const wrong of ['', '!zone=a', 'zone==a', 'a:b', '=a'])
    t.match(await run('session', 'new', '--constraint', wrong), { code: 2, err: /is not a rule about labels. Write zone=a/ }, wrong);
  for (const wrong of ['gpu:0', 'gpu:101'])
    t.match(await run('session', 'new', '--prefer', wrong), { code: 2, err: /weight in "gpu:\d+" must be a number from 1 to 100/ }, wrong);
  const { constraints, preferences } = (server.asked[0]?.json ?? {}) as Record<string, unknown>;
  const shown = await world(t, await fakeServer(t, { [`GET /sessions/${A}`]: { body: session(A, null, { constraints, preferences }) } }));
  const { out } = await shown.run('session', 'get', A);
  t.match(out, /constraints +zone=a,b disk!=hdd !old\n/);
  t.match(out, /preferences +gpu:80 zone=a\n/);
});

t.test('a new session that fails, times out, or finds no room', async (t) => {
  const full = { status: 503, body: { error: { code: 'UNAVAILABLE', message: 'No node has room: 128 MiB asked for, 64 MiB free.' } } };
  for (const [answer, err] of [
    [{ body: session(A, null, { state: 'error', termination_reason: 'no image' }) }, /The session failed: no image/],
    [{ body: session(A, null, { state: 'init' }) }, /still starting after 120s/],
    [full, /No node has room/],
  ] as const) {
    const { run } = await world(t, await fakeServer(t, { 'POST /sessions': answer }));
    const ran = await run('session', 'new');
    t.match(ran, { code: 1, err });
    t.notMatch(ran.err, '✓', 'only what is up gets a check mark');
  }
});

t.test('the list: a table, or JSON with everything from the server', async (t) => {
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

t.test('a session is selected by id, name, or id prefix', async (t) => {
  const removal = { status: 204 };
  const found = (response: ServerResponse, { path }: Asked) => {
    const query = new URLSearchParams(path.split('?')[1]);
    const { name, id_prefix: prefix } = Object.fromEntries(query);
    send(
      response,
      200,
      some.body.filter((one) => (name === undefined ? prefix !== undefined && one.id.startsWith(prefix) : one.name === name)),
    );
  };
  const server = await fakeServer(t, { 'GET /sessions': found, [`DELETE /sessions/${A}`]: removal, [`DELETE /sessions/${C}`]: removal });
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
    ['aaa', /matches 2 sessions. Use an id:\n {2}aaaa1111.*first.*idle.*\n {2}aaaa2222/],
    ['cccc', /no session "cccc"/],
    [B, /nothing at/],
  ] as const) {
    t.match(await run('session', 'rm', ref), { code: 1, out: '', err }, ref);
  }
  const looks = server.requests().filter((request) => request.startsWith('GET'));
  t.ok(looks.length > 5 && looks.every((request) => /\?(name|id_prefix)=\w+&limit=11$/.test(request)), 'no list of all is asked for');
  t.match(await run('session', 'rm', 'cccc', 'first'), { code: 1, out: `${A}\n`, err: /cccc/ }, 'the others are removed all the same');
});

t.test('sessions of the same name are distinguished by id, in any Unicode normal form', async (t) => {
  const twice = { body: [session(A, 'caf\u00e9'), session(B, 'caf\u00e9', { space: 'lab', state: 'paused' })] };
  const server = await fakeServer(t, { 'GET /sessions': twice });
  const { run } = await world(t, server);
  const { code, err } = await run('session', 'pause', 'cafe\u0301');
  t.equal(code, 1);
  t.match(err, /matches 2 sessions. Use an id:\n {2}aaaa1111.*default +idle.*\n {2}aaaa2222.*lab +paused/);
  t.match(server.requests(), ['GET /sessions?name=caf%C3%A9&limit=11']);
});

t.test('a session in state error is recovered, and the command waits for it', async (t) => {
  const server = await fakeServer(t, {
    [`PUT /sessions/${A}/state`]: { body: session(A, null, { state: 'init', settled: false }) },
    [`POST /sessions/${A}/resume`]: { body: session(A) },
  });

  t.test('a session that is not running when the wait ends has no check mark', async (t) => {
    for (const action of ['resume', 'recover']) {
      const server = await fakeServer(t, {
        [`PUT /sessions/${A}/state`]: { body: session(A) },
        [`POST /sessions/${A}/resume`]: { body: session(A, null, { state: 'init', settled: false }) },
      });
      const { run } = await world(t, server);
      const ran = await run('session', action, A);
      t.match(ran, { code: 1, err: /✗ .*in progress[\s\S]*still starting/ }, action);
      t.notMatch(ran.err, /✓/);
    }
  });
  const { run } = await world(t, server);
  t.match(await run('session', 'recover', A), { code: 0, err: /recovered/ });
  t.match(server.asked, [{ json: { state: 'init' } }, { path: `/sessions/${A}/resume?wait=120s` }]);
});

t.test('nodes: prints only the token; lists nodes with conditions, and explains these on request', async (t) => {
  const node = {
    id: 'x',
    name: 'node-1',
    labels: {},
    status: 'ready',
    version: '0.1.0',
    capacity: { cpu: 2, memory_bytes: 4 * 1024 ** 3, sessions: null },
    requested: { cpu: 0.05, memory_bytes: 128 * 1024 ** 2 },
    sessions: 1,
    certificate: { expires_at: '2026-01-31T00:00:00.000Z', issuer: 'ab12' },
    conditions: [{ type: 'DiskKind', message: 'Images.' }],
    joined_at: '2026-01-01T00:00:00.000Z',
    last_seen_at: null,
  };
  const token = {
    ...{ id: '7e3b9f0a-1111-4111-8111-111111111111', uses: 3, used: 1, labels: { zone: 'a', disk: 'nvme' }, created_by: 'admin' },
    ...{ created_at: '2026-01-01T00:00:00.000Z', expires_at: '2026-01-01T12:00:00.000Z', last_used_at: null },
  };
  const since = '2026-01-02T03:04:05.678Z';
  const conditions = [
    { type: 'EngineHung', message: 'The engine does not answer.', since },
    { type: 'Unreachable', message: 'No stream.' },
  ];
  const server = await fakeServer(t, {
    'POST /nodes/tokens': { status: 201, body: { ...token, token: 'rwn_x' } },
    'GET /nodes/tokens': { body: [token] },
    [`DELETE /nodes/tokens/${token.id}`]: { status: 204 },
    'GET /nodes': { body: [node, { ...node, id: 'y', name: 'node-2', conditions }] },
    'GET /nodes/node-2': { body: { ...node, name: 'node-2', conditions } },
  });
  const { run } = await world(t, server);
  t.match(await run('node', 'token'), { code: 0, out: 'raworc-node-agent join --token rwn_x\n' });
  t.match(await run('node', 'token', '--token-only'), { code: 0, out: 'rwn_x\n' });
  const created = await run('node', 'token', '--uses', '3', '--expires', '12h', '--label', 'zone=a', '--label', 'disk=nvme');
  t.match(created, { code: 0, err: /Valid for 3 hosts until 2026-01-01T12:00:00.000Z.*\n.*raworc node token revoke 7e3b9f0a-/ });
  t.same(server.asked.at(-1)?.json, { uses: 3, expires_in_s: 43_200, labels: { zone: 'a', disk: 'nvme' } });
  for (const wrong of [['--uses', '0'], ['--uses', '1001'], ['--expires', '8d'], ['--expires', '1'], ['nonsense']])
    t.match(await run('node', 'token', ...wrong), { code: 2 }, wrong.join(' '));
  t.match(await run('node', 'token', '--label', 'zone'), { code: 2, err: /Write --label KEY=VALUE/ });
  t.match((await run('node', 'token', 'list')).out, /^7e3b9f0a\S+ +1 of 3 +2026-01-01T12:00:00.000Z +admin +disk=nvme zone=a$/m);
  t.match(await run('node', 'token', 'revoke', token.id), { code: 0, out: /is revoked. Nodes that joined with it stay/ });
  t.equal(
    (await run('node', 'list')).out,
    `NAME    STATUS  SESSIONS  CPU        MEMORY            VERSION  CONDITIONS
node-1  ready   1         0.05 of 2  128 MiB of 4 GiB  0.1.0    -
node-2  ready   1         0.05 of 2  128 MiB of 4 GiB  0.1.0    EngineHung, Unreachable
`,
  );
  const { out } = await run('node', 'get', 'node-2');
  t.match(out, /^name +node-2\n/m);
  t.match(out, new RegExp(`^EngineHung +The engine does not answer\\. \\(since ${since}\\)\nUnreachable +No stream\\.$`, 'm'));
  t.same(JSON.parse((await run('node', 'get', 'node-2', '--json')).out).conditions, conditions);
});

t.test('the answer of another server gives an error of one line', async (t) => {
  const { run } = await world(t, await fakeServer(t, { 'GET /nodes': { body: { hello: 1 } } }));
  const ran = await run('node', 'list');
  t.match(ran, { code: 1, err: /unexpected response/ });
});

t.test('pause, suspend and resume report the result; resume waits until the session is up', async (t) => {
  const server = await fakeServer(t, {
    [`POST /sessions/${A}/pause`]: { body: session(A, null, { state: 'paused', settled: false }) },
    [`POST /sessions/${A}/suspend`]: { body: session(A, null, { state: 'suspended', settled: true }) },
    [`POST /sessions/${A}/resume`]: { body: session(A, null, { state: 'idle', settled: true }) },
    [`POST /sessions/${B}/resume`]: { body: session(B, null, { state: 'init', settled: false }) },
    [`POST /sessions/${C}/pause`]: {
      status: 409,
      body: { error: { code: 'CONFLICT', message: 'A session in state error cannot pause.' } },
    },
  });
  const { run } = await world(t, server);
  t.match(await run('session', 'pause', A), { code: 0, out: '', err: /paused: paused, in progress/ });
  t.match(await run('session', 'suspend', '--force', A), { code: 0, err: /suspended: suspended/ });
  t.match(await run('session', 'resume', A), { code: 0, err: /✓ .*resumed: idle/ });
  t.match(await run('session', 'resume', B), { code: 1, err: /✗ [\s\S]*still starting after 120s/ });
  t.match(await run('session', 'pause', C), { code: 1, err: /cannot pause/ });
  t.same(server.requests().slice(1, 3), [`POST /sessions/${A}/suspend?force=true`, `POST /sessions/${A}/resume?wait=120s`]);
});

t.test('one session: shows its fields, and omits empty ones', async (t) => {
  const more = { state: 'error', settled: true, termination_reason: 'host lost', timeouts: { idle_pause_s: 60 }, container_id: null };
  const { run } = await world(t, await fakeServer(t, { [`GET /sessions/${A}`]: { body: session(A, 'first', more) } }));
  const { out } = await run('session', 'get', A);
  t.match(out, /^id +aaaa1111/);
  for (const line of [/state +error\n/, /reason +host lost\n/, /timeouts +idle_pause 60 s\n/]) t.match(out, line);
  t.notMatch(out, /container/);
  t.match(JSON.parse((await run('session', 'get', '--json', A)).out), { id: A, state: 'error' });
});

t.test('one session: shows why its messages wait', async (t) => {
  const waiting = { state: 'suspended', waiting_reason: 'The node node-1 is being drained.' };
  const { run } = await world(t, await fakeServer(t, { [`GET /sessions/${A}`]: { body: session(A, 'first', waiting) } }));
  t.match(await run('session', 'get', A), { out: /waits +The node node-1 is being drained\.\n/ });
});

t.test('orphans of a node: list, adopt, discard; a node is declared lost', async (t) => {
  const orphan = { session_id: A, generation: 1, container_id: 'c'.repeat(64), persistent_volume_id: 'v', space: 'default', image: null };
  const node = { id: B, name: 'node-1', status: 'lost', version: '1', sessions: 0 };
  const sizes = { capacity: { cpu: 1, memory_bytes: 1, sessions: null }, requested: { cpu: 0, memory_bytes: 0 } };
  const server = await fakeServer(t, {
    'GET /nodes/node-1/orphans': { body: [orphan] },
    'GET /nodes/node-2/orphans': { body: [] },
    [`POST /nodes/node-1/orphans/${A}/adopt`]: { status: 201, body: session(A) },
    [`DELETE /nodes/node-1/orphans/${A}`]: { status: 204 },
    'POST /nodes/node-1/lost': { body: { ...node, ...sizes } },
  });
  const { run } = await world(t, server);
  t.match((await run('node', 'orphans', 'node-1')).out, new RegExp(`${A}  default  cccccccccccc  v\n$`));
  t.match(await run('node', 'orphans', 'node-2'), { code: 0, out: '', err: /No orphans/ });
  t.match(await run('node', 'adopt', 'node-1', A), { code: 0, out: `${A}\n` });
  t.match(await run('node', 'discard', 'node-1', A), { code: 0, out: `${A}\n` });
  t.match(await run('node', 'lost', 'node-1'), { code: 0, out: 'node-1 is lost\n' });
});

t.test('events are followed until Ctrl-C, over a broken stream', async (t) => {
  let opened = 0;
  const leave = new AbortController();
  const server = await fakeServer(t, {
    [`GET /sessions/${A}/events`]: (response: ServerResponse, asked: Asked) => {
      opened += 1;
      const data = { at: 'now', session_id: A, session: { state: opened === 1 ? 'idle' : 'busy' } };
      stream(frame('session.state', data, `e1-${opened}`))(response, asked);
      if (opened === 1) response.end();
    },
  });
  const { start } = await world(t, server);
  const following = start(['events', A], undefined, leave);
  await new Promise<void>((resolve) => {
    const look = () => (following.out.join('').includes('busy') ? resolve() : void setImmediate(look));
    look();
  });
  leave.abort();
  const ran = await following.done;
  t.match(ran, { code: 130, err: /reconnected/ });
  t.match(ran.out, new RegExp(`^now  session.state  ${A}  idle\n`));
  t.equal(server.asked[1]?.headers['last-event-id'], 'e1-1');
});
