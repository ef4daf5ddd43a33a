import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { fakeServer, frame, keyboard, stream, world } from './world.ts';

const A = 'aaaa1111-0000-4000-8000-000000000001';
const B = 'bbbb2222-0000-4000-8000-000000000002';
const AT = '2026-01-02T03:04:05.678Z';
const refused = (status: number, code: string, message: string) => ({ status, body: { error: { code, message } } });
const missing = refused(404, 'NOT_FOUND', 'There is no such secret.');
const session = { id: B, name: null, space: 'lab', state: 'idle', node: 'node-1', created_at: AT, termination_reason: null };

t.test('agents of a space: list, stop, remove', async (t) => {
  const agent = { name: 'bob', status: 'active', source_repo: null, updated_at: AT, purpose: 'Greets' };
  const server = await fakeServer(t, {
    'GET /spaces/lab/agents': { body: [agent] },
    'GET /spaces/default/agents': { body: [] },
    'POST /spaces/lab/agents/bob/stop': { body: { ...agent, status: 'inactive' } },
    'DELETE /spaces/lab/agents/bob': { status: 204 },
  });
  const { run } = await world(t, server);
  t.equal(
    (await run('agent', 'list', '--space', 'lab')).out,
    `NAME  STATUS  REPOSITORY  UPDATED                   PURPOSE\nbob   active  -           ${AT}  Greets\n`,
  );
  t.match(await run('agent', 'ls'), { code: 0, out: '', err: /No agents in space default/ });
  t.match(await run('agent', 'stop', 'bob', '--space', 'lab'), { code: 0, out: 'bob is inactive\n' });
  t.match(await run('agent', 'rm', 'bob', 'eve', '--space', 'lab'), { code: 1, out: 'bob\n', err: /eve: nothing at/ });
});

t.test('logs of an agent: shows its output, and follows it without repeating a line', async (t) => {
  const line = (text: string, more: object = {}) => ({ session_id: A, run_id: 'r1', stream: 'stdout', line: text, timestamp: AT, ...more });
  const server = await fakeServer(t, {
    'GET /spaces/default/agents/bob/logs': {
      body: { agent_name: 'bob', space: 'default', logs: [line('one'), line('two')], unread_sessions: 1 },
    },
    'GET /spaces/default/agents/bob/logs?follow=true&limit=100': stream(
      frame('log', line('two')),
      frame('log', line('three', { dropped: 2, stream: 'stderr' })),
    ),
  });
  const { run, start } = await world(t, server);
  const printed = `${AT}  aaaa1111  stdout  one\n${AT}  aaaa1111  stdout  two\n`;
  t.match(await run('agent', 'logs', 'bob', '--lines', '5', '--stream', 'stdout', '--session', A), {
    code: 0,
    out: printed,
    err: /not be read in time: 1/,
  });
  t.equal(server.requests()[0], `GET /spaces/default/agents/bob/logs?session_id=${A}&log_type=stdout&limit=5`);
  t.match(await run('agent', 'logs', 'bob', '--lines', 'many'), { code: 2, err: /positive integer/ });
  const leave = new AbortController();
  const following = start(['agent', 'logs', 'bob', '--follow'], undefined, leave);
  await new Promise<void>((resolve) => {
    const look = () => (following.out.join('').includes('three') ? resolve() : void setImmediate(look));
    look();
  });
  leave.abort();
  t.match(await following.done, { code: 130, out: `${printed}${AT}  aaaa1111  stderr  three\n`, err: /2 lines came too fast/ });

  t.test('logs of a space: narrowed, followed, and with a colour for each session on a terminal', async (t) => {
    const line = (text: string, more: object = {}) => ({
      ...{ session_id: A, agent: 'bob', run_id: 'r1', stream: 'stdout', line: text, timestamp: AT },
      ...more,
    });
    const server = await fakeServer(t, {
      'GET /spaces/lab/logs': { body: { space: 'lab', logs: [line('one'), line('two', { agent: 'eve' })], unread_sessions: 0 } },
      'GET /spaces/default/logs': { body: { space: 'default', logs: [line('\u001b[31mred\u001b[0m')], unread_sessions: 0 } },
      'GET /spaces/default/logs?follow=true&limit=100': stream(frame('log', line('three', { dropped: 2, stream: 'stderr' }))),
    });
    const { run, start } = await world(t, server);
    t.match(await run('logs', '--space', 'lab', '--agent', 'bob', '--run', 'r1', '--since', '2026-01-01T00:00:00Z', '--stderr'), {
      code: 0,
      out: `${AT}  aaaa1111  bob  stdout  one\n${AT}  aaaa1111  eve  stdout  two\n`,
    });
    t.equal(server.requests()[0], 'GET /spaces/lab/logs?run_id=r1&log_type=stderr&since=2026-01-01T00%3A00%3A00.000Z&limit=100&agent=bob');
    await run('logs', '--space', 'lab', '--since', '2h');
    const sent = new URLSearchParams(server.requests()[1]?.split('?')[1]).get('since') ?? '';
    t.ok(Math.abs(Date.now() - 2 * 3_600_000 - Date.parse(sent)) < 60_000, sent);
    for (const [word, problem] of [
      ['--since=yesterday', /an age such as 10m/],
      ['--stream=both', /stdout, stderr/],
    ] as const)
      t.match(await run('logs', word), { code: 2, err: problem }, word);
    t.match(await run('logs', '--follow', '--until', '1m'), { code: 2, err: /cannot be used with/ });
    const leave = new AbortController();
    const following = start(['logs', '--follow'], undefined, leave);
    await new Promise<void>((resolve) => {
      const look = () => (following.out.join('').includes('three') ? resolve() : void setImmediate(look));
      look();
    });
    leave.abort();
    t.match(await following.done, { code: 130, out: /bob {2}stderr {2}three\n$/, err: /2 lines came too fast/ });
  });
});

t.test('spaces: create, list, remove', async (t) => {
  const space = { name: 'lab', active: true, created_at: AT, description: null };
  const server = await fakeServer(t, {
    'GET /spaces': { body: [space] },
    'POST /spaces': { status: 201, body: space },
    'DELETE /spaces/lab': refused(409, 'CONFLICT', 'The space has 2 sessions.'),
  });
  const { run } = await world(t, server);
  t.match(await run('space', 'new', 'lab', '--description', 'trying'), { code: 0, out: 'lab\n' });
  t.same(server.asked[0]?.json, { name: 'lab', description: 'trying' });
  t.match((await run('space', 'list')).out, /^lab {3}yes {5}2026\S+ {2}-$/m);
  t.match(await run('space', 'rm', 'lab'), { code: 1, out: '', err: /has 2 sessions/ });
});

t.test('where the sessions of a space run is shown and changed; other settings stay', async (t) => {
  const scheduling = { constraints: [{ label: 'zone', operator: 'in', values: ['a', 'b'] }], strategy: 'pack' };
  const space = {
    name: 'lab',
    active: true,
    created_at: AT,
    created_by: 'admin',
    description: null,
    settings: { quotas: { cpu: 8 }, scheduling },
  };
  const patched = { ...space, settings: { ...space.settings, scheduling: { ...scheduling, anti_affinity: 'preferred' } } };
  const server = await fakeServer(t, { 'GET /spaces/lab': { body: space }, 'PATCH /spaces/lab': { body: patched } });
  const { run } = await world(t, server);
  const sent = () => server.asked.at(-1);
  const table = 'constraints    zone=a,b\npreferences    -\nstrategy       pack\nanti-affinity  none\n';
  t.match(await run('space', 'schedule', 'lab'), { code: 0, out: table });
  t.equal(server.requests().at(-1), 'GET /spaces/lab', 'nothing is changed');
  t.match((await run('space', 'get', 'lab')).out, `${table}quotas         {"cpu":8}\n`);
  t.match(JSON.parse((await run('space', 'get', 'lab', '--json')).out), space);

  const changed = await run('space', 'schedule', 'lab', '--prefer', 'disk=nvme:80', '--prefer', '!gpu', '--anti-affinity', 'preferred');
  t.match(changed, { code: 0, out: /^anti-affinity {2}preferred$/m }, 'it prints what the server has now');
  const preferences = [
    { label: 'disk', operator: 'in', values: ['nvme'], weight: 80 },
    { label: 'gpu', operator: 'not_exists' },
  ];
  t.same(sent()?.json, { settings: { scheduling: { preferences, anti_affinity: 'preferred' } } }, 'and sends nothing else');
  t.match(await run('space', 'schedule', 'lab', '--clear', '--strategy', 'spread'), { code: 0 });
  const cleared = { constraints: null, preferences: null, anti_affinity: null };
  t.same(sent()?.json, { settings: { scheduling: { ...cleared, strategy: 'spread' } } });
  t.match(await run('space', 'schedule', 'lab', '--strategy', 'random'), { code: 2, err: /spread, pack/ });
  t.match(await run('space', 'schedule', 'lab', '--constraint', 'a:b'), { code: 2, err: /not a rule about labels/ });
});

t.test('the slots of a space are shown and changed; other settings stay', async (t) => {
  const space = { name: 'lab', active: true, created_at: AT, created_by: 'admin', description: null, settings: { quotas: { cpu: 8 } } };
  const patched = { ...space, settings: { ...space.settings, slots: { min: 0, max: 20, headroom: 0.35 } } };
  const server = await fakeServer(t, { 'GET /spaces/lab': { body: space }, 'PATCH /spaces/lab': { body: patched } });
  const { run } = await world(t, server);
  t.match(await run('space', 'slots', 'lab'), { code: 0, out: 'min       -\nmax       -\nprofile   -\nheadroom  -\n' });
  t.equal(server.requests().at(-1), 'GET /spaces/lab', 'nothing is changed');
  const changed = await run('space', 'slots', 'lab', '--min', '0', '--max', '20', '--headroom', '35');
  t.match(changed, { code: 0, out: 'min       0\nmax       20\nprofile   -\nheadroom  35 %\n' });
  t.same(server.asked.at(-1)?.json, { settings: { slots: { min: 0, max: 20, headroom: 0.35 } } }, 'and sends nothing else');
  t.match(await run('space', 'slots', 'lab', '--clear', '--profile', 'workstation'), { code: 0 });
  t.same(server.asked.at(-1)?.json, { settings: { slots: { min: null, max: null, headroom: null, profile: 'workstation' } } });
  for (const wrong of [
    ['--min', '257'],
    ['--max', '-1'],
    ['--headroom', '101'],
    ['--profile', 'open'],
  ])
    t.match(await run('space', 'slots', 'lab', ...wrong), { code: 2 }, wrong.join(' '));
});

t.test('the model of a space is shown and changed; other settings stay', async (t) => {
  const model = { api: 'openai', model: 'llama3.1:8b', base_url: 'http://10.0.0.5:11434/v1' };
  const space = { name: 'lab', active: true, created_at: AT, created_by: 'admin', description: null, settings: { quotas: { cpu: 8 } } };
  const withModel = { ...space, name: 'ai', settings: { ...space.settings, model } };
  const server = await fakeServer(t, {
    ...{ 'GET /spaces/lab': { body: space }, 'PUT /spaces/lab': { body: space } },
    ...{ 'GET /spaces/ai': { body: withModel }, 'PUT /spaces/ai': { body: withModel } },
  });
  const { run } = await world(t, server);
  const sent = () => server.asked.at(-1)?.json;
  t.match(await run('space', 'model', 'lab'), { code: 0, out: /^lab has no model/ });
  t.equal(server.requests().at(-1), 'GET /spaces/lab', 'nothing is changed');
  t.match(await run('space', 'model', 'lab', '--model', 'm'), { code: 1, err: /needs --api and --model/ });
  t.match(await run('space', 'model', 'lab', '--api', 'other', '--model', 'm'), { code: 2, err: /anthropic, openai/ });
  const set = await run(
    'space',
    'model',
    'lab',
    '--api',
    'anthropic',
    '--model',
    'm',
    '--key-secret',
    'KEY',
    '--share-key',
    '--timeout',
    '9',
  );
  t.match(set, { code: 0, out: /^key {9}the secret KEY, shared with agents\nmax tokens {2}-\ntimeout {5}9 s$/m });
  const settings = { quotas: { cpu: 8 }, model: { api: 'anthropic', model: 'm', key_secret: 'KEY', share_key: true, timeout_s: 9 } };
  t.same(sent(), { settings });
  t.match(await run('space', 'model', 'ai'), { code: 0, out: /^base URL {4}http:\/\/10\.0\.0\.5:11434\/v1\nkey {9}none$/m });
  await run('space', 'model', 'ai', '--max-tokens', '100', '--no-share-key');
  t.same(sent(), { settings: { quotas: { cpu: 8 }, model: { ...model, share_key: false, max_tokens: 100 } } });
  await run('space', 'model', 'ai', '--clear');
  t.same(sent(), { settings: { quotas: { cpu: 8 } } });
});

t.test('the value of a secret is typed or read, and never shown', async (t) => {
  const secret = { key_name: 'KEY', updated_at: AT, created_by: 'admin', description: null };
  const server = await fakeServer(t, {
    'GET /spaces/default/secrets': { body: [secret] },
    'PUT /spaces/default/secrets/KEY': { body: secret },
    'PUT /spaces/lab/secrets/KEY': missing,
    'POST /spaces/lab/secrets': { status: 201, body: secret },
    'DELETE /spaces/default/secrets/KEY': { status: 204 },
  });
  const { run, start } = await world(t, server);
  const keys = keyboard();
  keys.write('hush hush\r');
  const typed = await start(['secret', 'set', 'KEY'], keys).done;
  const read = await start(['secret', 'set', 'KEY', '--space', 'lab', '--description', 'x'], Readable.from(['two\nlines\n'])).done;
  for (const ran of [typed, read]) {
    t.match(ran, { code: 0, out: 'KEY\n' });
    t.notMatch(ran.out + ran.err, /hush|lines/);
  }
  t.same(
    server.asked.map(({ method, json }) => [method, json]),
    [
      ['PUT', { value: 'hush hush' }],
      ['PUT', { value: 'two\nlines\n', description: 'x' }],
      ['POST', { key_name: 'KEY', value: 'two\nlines\n', description: 'x' }],
    ],
  );
  const given = (...bytes: (string | Buffer)[]) =>
    start(['secret', 'set', 'KEY'], Readable.from(bytes.map((one) => Buffer.from(one)))).done;
  const key = '-----BEGIN KEY-----\r\nü\u2028\n-----END KEY-----\n\n';
  t.match(await given('\ufeff', key), { code: 0, err: '' });
  t.same(server.asked.at(-1)?.json, { value: `\ufeff${key}` }, 'every byte is kept');
  t.match(await given('one line\n'), { code: 0, err: /ends with a newline/ });
  t.same(server.asked.at(-1)?.json, { value: 'one line\n' });
  t.match(await given(Buffer.from([0x66, 0xff])), { code: 1, err: /not UTF-8/ });
  t.match(await run('secret', 'set', 'KEY'), { code: 1, err: /value is empty/ });
  t.match(await run('secret', 'set', 'KEY', 'hush'), { code: 2, err: /too many arguments/ });
  t.match((await run('secret', 'list')).out, /^KEY {2}2026\S+ {2}admin {2}-$/m);
  t.match(await run('secret', 'rm', 'KEY'), { code: 0, out: 'KEY\n' });
});

t.test('API keys: a new key is printed alone, and keys are removed by name', async (t) => {
  const key = { id: A, name: 'ci', created_at: AT, expires_at: null, last_used_at: null };
  const server = await fakeServer(t, {
    'GET /api-keys': { body: [key] },
    'POST /api-keys': { status: 201, body: { ...key, key: 'rwk_x' } },
    [`DELETE /api-keys/${A}`]: { status: 204 },
  });
  const { run } = await world(t, server);
  t.match(await run('key', 'new', 'ci'), { code: 0, out: 'rwk_x\n', err: /not shown again/ });
  await run('key', 'new', 'ci', '--expires', '2030-01-31');
  t.same(server.asked[1]?.json, { name: 'ci', expires_at: '2030-01-31T00:00:00.000Z' });
  t.match(await run('key', 'new', 'ci', '--expires', 'soon'), { code: 2, err: /is not a time/ });
  t.match((await run('key', 'list')).out, new RegExp(`^${A}  ci    ${AT}  never    never$`, 'm'));
  t.match(await run('key', 'rm', 'ci'), { code: 0, out: `${A}\n` });
  t.match(await run('key', 'rm', 'other'), { code: 1, err: /no key "other"/ });
});

t.test('the audit record: newest last, filtered by the server', async (t) => {
  const record = {
    ...{ id: 'a', created_at: AT, actor: 'ann', actor_id: A, actor_type: 'ServiceAccount', credential: 'token:1', action: 'deleteRole' },
    ...{ resource: 'roles', resource_id: B, resource_name: 'mighty', space: null, address: '192.0.2.1', request_id: 'r' },
    ...{ outcome: 'refused', code: 'FORBIDDEN', count: 3 },
  };
  const before = { ...record, actor: null, actor_type: 'Anonymous', resource_name: null, outcome: 'ok', code: null, count: 1 };
  const server = await fakeServer(t, { 'GET /audit': { body: [record, before] } });
  const { run } = await world(t, server);
  const { out } = await run('audit', 'list', '--actor', 'ann', '--resource', 'roles/mighty', '--limit', '5');
  t.match(out, /^TIME .*\n.*Anonymous .*roles\/bbbb2222.* ok\n.*ann .*192\.0\.2\.1 .*deleteRole .*roles\/mighty .*FORBIDDEN × 3\n$/);
  t.match(server.requests(), [/actor=ann/]);
  t.match(server.requests(), [/resource=roles(\/|%2F)mighty/]);
  t.match(server.requests(), [/limit=5/]);
  t.match(await run('audit', 'list', '--json'), { code: 0, out: /"code": "FORBIDDEN"/ });
});

t.test('a remix selects what to copy, and prints the id of the new session', async (t) => {
  const server = await fakeServer(t, { [`POST /sessions/${A}/remix`]: { status: 201, body: session } });
  const { run } = await world(t, server);
  t.match(await run('session', 'remix', A), { code: 0, out: `${B}\n`, err: /Copy of aaaa.*: idle on node-1/ });
  await run('session', 'remix', A, '--no-data', '--messages', '--name', 'try', '--space', 'lab');
  t.same(
    server.asked.map(({ json }) => json),
    [{ data: true }, { data: false, messages: true, name: 'try', space: 'lab' }],
  );
  t.equal(server.asked[0]?.path, `/sessions/${A}/remix?wait=120s`);
});

t.test('whoami shows the account; logout revokes the token and deletes it locally', async (t) => {
  const login = { body: { token: 'kept', token_type: 'Bearer', expires_at: AT } };
  const server = await fakeServer(t, {
    'POST /auth/login': login,
    'GET /auth/me': { body: { user: 'ada', id: A, type: 'ServiceAccount', namespace: null, roles: ['viewer', 'operator'] } },
    'POST /auth/logout': { status: 204 },
  });
  const { home, env, run, start } = await world(t, server);
  env.RAWORC_TOKEN = undefined;
  await start(['login', '--password-file', '-'], Readable.from(['x'])).done;
  t.equal((await run('whoami')).out, `user    ada\nroles   viewer; operator\nserver  ${server.url}\n`);
  const file = join(home, 'raworc', 'config.json');
  env.RAWORC_TOKEN = 'another';
  t.match(await run('logout'), { code: 0, out: /Logged out/ });
  t.match(JSON.parse(await readFile(file, 'utf8')), { token: 'kept' }, 'only the login that is used');
  env.RAWORC_TOKEN = undefined;
  const kept = await readFile(file, 'utf8');
  t.match(await run('logout', '--everywhere'), { code: 0, out: /everywhere/ });
  t.match(server.asked.at(-1), { json: { everywhere: true }, headers: { authorization: 'Bearer kept' } });
  await t.rejects(readFile(file), { code: 'ENOENT' });
  t.match(await run('logout'), { code: 1, err: /not logged in at/ });
  await writeFile(file, kept);
  server.routes['POST /auth/logout'] = refused(401, 'UNAUTHORIZED', 'revoked');
  t.match(await run('logout'), { code: 0 }, 'it had ended already');
  await t.rejects(readFile(file), { code: 'ENOENT' });
});
