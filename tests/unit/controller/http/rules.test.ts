import { connect } from 'node:net';
import jwt from 'jsonwebtoken';
import t from 'tap';
import { ACCOUNT, json, PASSWORD, type Rig, SESSION, startRig } from './fakes.ts';

let rig: Rig;
t.beforeEach(async () => {
  rig = await startRig(['https://ours.example']);
});
t.afterEach(() => rig.server.close(0));

const codeOf = async (response: Response) => {
  const body = (await response.json()) as { error: { code: string; message: string; details?: unknown } };
  return `${response.status} ${body.error.code}`;
};

t.test('each wrong request gets the error of the contract, in its shape', async (t) => {
  const big = 'x'.repeat(2 * 1024 * 1024);
  const cases: [string, string, RequestInit, string][] = [
    ['an unknown path', '/nothing', {}, '404 NOT_FOUND'],
    ['an unknown path without a token', '/nothing', { headers: { authorization: '' } }, '404 NOT_FOUND'],
    ['a wrong method', `/sessions/${SESSION}`, { method: 'PATCH' }, '405 METHOD_NOT_ALLOWED'],
    ['an id that is none', '/sessions/42', {}, '404 NOT_FOUND'],
    ['broken JSON', '/sessions', { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }, '400 BAD_REQUEST'],
    [
      'no UTF-8',
      '/sessions',
      { method: 'POST', body: new Uint8Array([0x22, 0xff, 0x22]), headers: { 'content-type': 'application/json' } },
      '400 BAD_REQUEST',
    ],
    [
      'deep nesting',
      '/sessions',
      { method: 'POST', body: `{"metadata":${'['.repeat(99)}${']'.repeat(99)}}`, headers: { 'content-type': 'application/json' } },
      '400 BAD_REQUEST',
    ],
    [
      'another media type',
      '/sessions',
      { method: 'POST', body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      '415 UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'another charset',
      '/sessions',
      { method: 'POST', body: '{}', headers: { 'content-type': 'application/json; charset=latin1' } },
      '415 UNSUPPORTED_MEDIA_TYPE',
    ],
    ['2 MiB with a length', '/sessions', json({ name: big }), '413 PAYLOAD_TOO_LARGE'],
    ['an array', '/sessions', json([]), '422 UNPROCESSABLE_ENTITY'],
    ['a missing field', `/sessions/${SESSION}/messages`, json({}), '422 UNPROCESSABLE_ENTITY'],
    ['a role that nobody may post', `/sessions/${SESSION}/messages`, json({ content: 'x', role: 'agent' }), '422 UNPROCESSABLE_ENTITY'],
    ['the reserved name', '/spaces/default/agents', json({ name: 'running' }), '422 UNPROCESSABLE_ENTITY'],
    [
      'an upload of another type',
      '/spaces/s/agents/a/source',
      { method: 'PUT', body: 'x', headers: { 'content-type': 'text/plain' } },
      '415 UNSUPPORTED_MEDIA_TYPE',
    ],
    ['a wait that is none', '/sessions?wait=soon', json({}), '400 BAD_REQUEST'],
    ['a wait of an hour', '/sessions?wait=60m', json({}), '400 BAD_REQUEST'],
    ['a bad idempotency key', '/sessions', json({}, { 'idempotency-key': 'with space' }), '400 BAD_REQUEST'],
    ['an unknown state', '/sessions?state=gone', {}, '400 BAD_REQUEST'],
    ['a parameter twice', '/sessions?space=a&space=b', {}, '400 BAD_REQUEST'],
    ['a since that is none', `/sessions/${SESSION}/messages?since=now`, {}, '400 BAD_REQUEST'],
    ['a position that is none', '/events', { headers: { 'last-event-id': 'x' } }, '400 BAD_REQUEST'],
    ['a wrong password', '/auth/login', json({ user: 'admin', pass: 'no' }), '401 UNAUTHORIZED'],
    ['guessing', '/auth/login', json({ user: 'busy', pass: 'no' }), '429 RATE_LIMITED'],
    ...['0', '-1', '1001', 'abc', '', '1.5', '1e2'].map((limit): [string, string, RequestInit, string] => [
      `a limit of "${limit}"`,
      `/sessions?limit=${limit}`,
      {},
      '400 BAD_REQUEST',
    ]),
  ];
  for (const [name, path, init, expected] of cases) {
    const response = await rig.call(path, init);
    t.ok(response.headers.get('x-request-id'), `${name} has a request id`);
    t.match(response.headers.get('content-type'), /^application\/json/, `${name} is answered in JSON`);
    t.equal(await codeOf(response), expected, name);
  }
  t.same(rig.fake.calls, [], 'no service saw any of them');
});

t.test('a body without an announced length is refused once it is too long, and the answer arrives', async (t) => {
  const body = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 40; i++) controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
      controller.close();
    },
  });
  const response = await rig.call('/sessions', {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  } as RequestInit);
  t.equal(await codeOf(response), '413 PAYLOAD_TOO_LARGE');
});

t.test('details of a 422 list path and problem of each fault', async (t) => {
  const response = await rig.call('/sessions', json({ name: 7, timeouts: { ttl_s: 0 }, resources: { limits: { cpu: 'all' } } }));
  const { error } = (await response.json()) as { error: { details: unknown } };
  t.same(error.details, [
    { path: 'name', problem: 'must be a string' },
    { path: 'timeouts.ttl_s', problem: 'must be at least 1' },
    { path: 'resources.limits.cpu', problem: 'must be a number' },
  ]);
});

t.test('no body, an empty one, {} and null are the same; null fields are absent, unknown ones ignored', async (t) => {
  await rig.call('/sessions', { method: 'POST' });
  await rig.call('/sessions', { method: 'POST', body: '', headers: { 'content-type': 'text/plain' } });
  await rig.call('/sessions', json({}));
  await rig.call('/sessions', json(null));
  await rig.call('/sessions', json({ name: null, metadata: null, resources: { limits: null }, hue: 'red' }));
  t.same(
    rig.fake.calls.map((call) => call.with[0]),
    [{}, {}, {}, {}, { resources: {} }],
  );
});

t.test('a token is refused when wrong, expired, foreign, unsigned, or of an older version, with one and the same answer', async (t) => {
  const key = rig.tokens.keyOf('k');
  if (key === undefined) throw new Error('no key');
  const claims = { aid: ACCOUNT, ver: 1, sub: 'admin', jti: 'one' };
  const soon = Math.floor(rig.clock.now() / 1000) + 60;
  const sign = (payload: object, options: jwt.SignOptions = {}) => jwt.sign(payload, key, { algorithm: 'HS256', keyid: 'k', ...options });
  t.equal(
    (await rig.call('/auth/me', { headers: { authorization: `Bearer ${sign({ ...claims, iss: 'raworc', exp: soon })}` } })).status,
    200,
    'the control passes',
  );
  const bad: Record<string, string> = {
    none: '',
    'another scheme': 'Basic YTpi',
    nonsense: 'Bearer x.y.z',
    expired: `Bearer ${sign({ ...claims, iss: 'raworc', exp: soon - 120 })}`,
    'without an end': `Bearer ${sign({ ...claims, iss: 'raworc' })}`,
    'another issuer': `Bearer ${sign({ ...claims, iss: 'other', exp: soon })}`,
    'another algorithm': `Bearer ${sign({ ...claims, iss: 'raworc', exp: soon }, { algorithm: 'HS512' })}`,
    'another key': `Bearer ${jwt.sign({ ...claims, iss: 'raworc', exp: soon }, 'other', { keyid: 'k' })}`,
    'a key that is not known': `Bearer ${sign({ ...claims, iss: 'raworc', exp: soon }, { keyid: 'other' })}`,
    unsigned: `Bearer ${jwt.sign({ ...claims, iss: 'raworc', exp: soon }, null, { algorithm: 'none' })}`,
    'an older version': `Bearer ${sign({ ...claims, ver: 0, iss: 'raworc', exp: soon })}`,
    'no account': `Bearer ${sign({ iss: 'raworc', exp: soon })}`,
  };
  const answers = new Set<string>();
  for (const [name, authorization] of Object.entries(bad)) {
    const response = await rig.call('/auth/me', { headers: { authorization } });
    t.equal(response.status, 401, name);
    answers.add(await response.text());
  }
  t.equal(answers.size, 1, 'none tells more than another');
  rig.clock.forward(25 * 3600 * 1000);
  t.equal((await rig.call('/auth/me')).status, 401, 'a token of yesterday');
});

t.test('login gives a token that works, and guessing says when to come back', async (t) => {
  const response = await rig.call('/auth/login', { ...json({ user: 'admin', pass: PASSWORD }) });
  const { token, token_type, expires_at } = (await response.json()) as Record<string, string>;
  t.equal(token_type, 'Bearer');
  t.match(expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.same(await (await rig.call('/auth/me', { headers: { authorization: `Bearer ${token}` } })).json(), {
    user: 'admin',
    id: ACCOUNT,
    type: 'ServiceAccount',
    namespace: null,
    roles: ['admin'],
    role_bindings: [],
  });
  t.equal((await rig.call('/auth/login', json({ user: 'busy', pass: 'x' }))).headers.get('retry-after'), '7');
});

t.test('lists are bare arrays with three headers, and filters reach the service', async (t) => {
  const response = await rig.call('/sessions?limit=7&offset=3&order=asc&state=IDLE&workspace_name=s&metadata.a.b=c');
  t.same(
    [response.headers.get('x-total-count'), response.headers.get('x-page-offset'), response.headers.get('x-page-limit')],
    ['4', '3', '7'],
  );
  t.equal(((await response.json()) as unknown[]).length, 1);
  t.match(rig.fake.calls[0]?.with, [
    { space: 's', state: 'idle', metadata: { 'a.b': 'c' } },
    { limit: 7, offset: 3, order: 'asc' },
  ]);
});

t.test('a fault inside shows the request id and nothing of itself, and the log tells it', async (t) => {
  rig.fake.fault = new Error('SELECT secret FROM vault');
  const response = await rig.call('/sessions', { headers: { 'x-request-id': 'mine-1' } });
  const text = await response.text();
  t.equal(response.status, 500);
  t.match(text, /mine-1/);
  t.notMatch(text, /vault/);
  t.ok(rig.logged.some((line) => line.startsWith('http.fault') && line.includes('vault') && line.includes('mine-1')));
  t.notMatch(rig.logged.join('\n'), rig.token, 'no token in the log');
});

t.test('a key with the same request in another order of its fields is the same, another path is not', async (t) => {
  const key = { 'idempotency-key': 'k1' };
  await rig.call('/sessions', json({ name: 'a', metadata: { x: 1, y: [{ b: 1, a: 2 }] } }, key));
  await rig.call('/sessions', json({ metadata: { y: [{ a: 2, b: 1 }], x: 1 }, name: 'a' }, key));
  await rig.call(`/sessions/${SESSION}/messages`, json({ content: 'a' }, key));
  const [one, two, three] = rig.fake.calls.map((call) => call.with[1] as { key: string; body: string });
  t.equal(one?.key, 'k1');
  t.equal(one?.body, two?.body);
  t.not(one?.body, three?.body);
});

t.test('methods: Allow on 405 and OPTIONS, HEAD like GET without a body', async (t) => {
  const wrong = await rig.call('/auth/login', { headers: { authorization: '' } });
  t.equal(wrong.status, 405);
  t.equal(wrong.headers.get('allow'), 'POST, OPTIONS');
  const options = await rig.call('/sessions', { method: 'OPTIONS', headers: { authorization: '' } });
  t.equal(options.status, 204);
  t.match(options.headers.get('allow'), /GET.*POST/);
  const head = await rig.call('/sessions', { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers.get('x-total-count'), '4');
});

t.test('pages of an allowed origin may call, others may not', async (t) => {
  const preflight = (origin: string) =>
    rig.call('/sessions', { method: 'OPTIONS', headers: { authorization: '', origin, 'access-control-request-method': 'POST' } });
  t.equal((await preflight('https://ours.example')).headers.get('access-control-allow-origin'), 'https://ours.example');
  t.equal((await preflight('https://theirs.example')).headers.get('access-control-allow-origin'), null);
  const failed = await rig.call('/nothing', { headers: { origin: 'https://ours.example' } });
  t.match(failed.headers.get('access-control-expose-headers'), /X-Request-Id/, 'also on an error');
});

t.test('health is 503 with the failing check', async (t) => {
  const open = { headers: { authorization: '' } };
  t.same(await (await rig.call('/health', open)).json(), { status: 'ok', checks: { store: 'ok' }, degraded: {} });
  t.same(await (await rig.call('/version', open)).json(), { version: '1.2.3', api: 'v0' });
  rig.fake.visible = false;
  const response = await rig.call('/health', open);
  t.equal(response.status, 503);
  t.match(await response.json(), { checks: { store: 'the disk is full' }, error: { code: 'UNAVAILABLE' } });
});

t.test('what is no HTTP gets JSON too', async (t) => {
  const sent = {
    'NONSENSE\r\n\r\n': 400,
    'GET /api/v0/version HTTP/1.1\r\nConnection: close\r\n\r\n': 400,
    'GET /api/v0/version HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n': 400,
    'GET /api/v0/version HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nConnection: close\r\n\r\n': 417,
    'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n': 405,
    'BREW /api/v0/version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n': 405,
  };
  for (const [request, status] of Object.entries(sent)) {
    const socket = connect(rig.server.port, '127.0.0.1');
    socket.write(request);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    const answer = Buffer.concat(chunks).toString();
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} .*"code":"[A-Z_]+"`, 's'), request);
    t.match(answer, /\r\ncontent-type: application\/json/i, request);
  }
});

t.test('an upload that is refused in the middle still gets its answer, and the connection its next request', async (t) => {
  const archive = new Uint8Array(8 * 1024 * 1024);
  const put = (agent: string) =>
    rig.call(`/spaces/s/agents/${agent}/source`, { method: 'PUT', body: archive, headers: { 'content-type': 'application/gzip' } });
  t.equal(await codeOf(await put('picky')), '422 UNPROCESSABLE_ENTITY');
  const whole = await put('fine');
  t.equal(whole.status, 201);
  t.match(await whole.json(), { size_bytes: archive.byteLength });
});

t.test('closing waits neither for idle connections nor for those that never sent a request', async (t) => {
  const fresh = connect(rig.server.port, '127.0.0.1');
  await new Promise((resolve) => fresh.once('connect', resolve));
  await (await rig.call('/version')).text();
  const ended = new Promise((resolve) => fresh.once('close', resolve));
  fresh.resume();
  await rig.server.close();
  await ended;
  t.equal(rig.clock.timers, 0, 'no grace was needed');
});
