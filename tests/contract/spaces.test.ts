import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { Rest } from '../cluster/rest.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const unique = (word: string) => `${word}-${randomUUID().slice(0, 8)}`;
const refusal = (status: number, code: string, message: RegExp = /./) => ({ status, body: { error: { code, message } } });

async function newSpace(t: Test, more: object = {}): Promise<string> {
  const name = unique('space');
  t.match(await target.rest.call('POST', '/spaces', { name, ...more }), { status: 201 });
  t.teardown(() => target.rest.call('DELETE', `/spaces/${name}`));
  return name;
}

/** Creates an account with these roles, each in a space or (null) everywhere. */
async function someone(t: Test, ...bindings: readonly (readonly [role: string, space: string | null])[]): Promise<Rest> {
  const { rest, url } = target;
  const user = unique('user');
  t.match(await rest.call('POST', '/service-accounts', { user, pass: 'a long enough password' }), { status: 201 });
  t.teardown(() => rest.call('DELETE', `/service-accounts/${user}`));
  for (const [role_name, space] of bindings)
    t.match(await rest.call('POST', '/role-bindings', { role_name, principal: user, space }), { status: 201 });
  return Rest.login(url, user, 'a long enough password');
}

async function newRole(t: Test, ...rules: readonly object[]): Promise<string> {
  const name = unique('role');
  t.match(await target.rest.call('POST', '/roles', { name, rules }), { status: 201 });
  t.teardown(() => target.rest.call('DELETE', `/roles/${name}`));
  return name;
}

const namesOf = ({ body }: { body: unknown }) => (body as readonly { name: string }[]).map(({ name }) => name);

t.test('a space is created, found, listed, changed and removed', async (t) => {
  const { rest } = target;
  const name = unique('Space');
  const settings = { colour: 'red', quotas: { sessions: 3, of_ours: 1 }, timeouts: { ttl_s: 60 } };
  const made = await rest.call('POST', '/spaces', { name, description: 'of a test', settings, unknown: 1 });
  const space = { name, description: 'of a test', settings, active: true, created_by: 'admin' };
  t.match(made, { status: 201, body: space });
  t.same(Object.keys(made.body as object).sort(), ['active', 'created_at', 'created_by', 'description', 'name', 'settings', 'updated_at']);
  t.match(await rest.call('GET', `/spaces/${name}`), { status: 200, body: made.body });
  t.match(await rest.call('POST', '/spaces', { name }), refusal(409, 'CONFLICT', /already/));

  t.match(await rest.call('PUT', `/spaces/${name}`, { name, description: null }), { status: 200, body: { description: null, settings } });
  t.match(await rest.call('PUT', `/spaces/${name}`, { settings: { colour: 'blue' }, active: null }), {
    status: 200,
    body: { active: true },
  });
  t.same(((await rest.call('GET', `/spaces/${name}`)).body as typeof space).settings, { colour: 'blue' }, 'settings are replaced');
  t.match(await rest.call('PUT', `/spaces/${name}`, { active: false }), { status: 200, body: { active: false } });
  t.notOk(namesOf(await rest.call('GET', '/spaces?active=true&limit=1000')).includes(name));
  t.ok(namesOf(await rest.call('GET', '/spaces?active=false')).includes(name));
  t.equal(namesOf(await rest.call('GET', '/spaces?limit=1'))[0], name, 'newest first');

  t.match(await rest.call('PUT', `/spaces/${name}`, {}), refusal(400, 'BAD_REQUEST'));
  t.match(await rest.call('PUT', `/spaces/${name}`, { colour: 1, settings: null }), refusal(400, 'BAD_REQUEST'));
  t.match(await rest.call('PUT', `/spaces/${name}`, { name: 'other', active: true }), refusal(400, 'BAD_REQUEST', /name/));
  t.match(await rest.call('GET', '/spaces?active=perhaps'), refusal(400, 'BAD_REQUEST'));
  t.equal((await rest.call('DELETE', `/spaces/${name}`)).status, 204);
  for (const [method, body] of [['GET'], ['PUT', { active: true }], ['DELETE']] as const)
    t.match(await rest.call(method, `/spaces/${name}`, body), refusal(404, 'NOT_FOUND'));
});

t.test('an invalid space is refused, with the path of each problem', async (t) => {
  const { rest } = target;
  const faults: readonly (readonly [body: object, path: string])[] = [
    [{}, 'name'],
    [{ name: '-x' }, 'name'],
    [{ name: 'x'.repeat(64) }, 'name'],
    [{ name: 'x', description: 7 }, 'description'],
    [{ name: 'x', settings: [] }, 'settings'],
    [{ name: 'x', settings: { quotas: { sessions: -1 } } }, 'settings.quotas.sessions'],
    [{ name: 'x', settings: { quotas: 5 } }, 'settings.quotas'],
    [{ name: 'x', settings: { retention: { events_s: 60 } } }, 'settings.retention.events_s'],
    [{ name: 'x', settings: { timeouts: { ttl_s: 'long' } } }, 'settings.timeouts.ttl_s'],
    [{ name: 'x', settings: { resources: { limits: { memory_bytes: 1 } } } }, 'settings.resources.limits.memory_bytes'],
    [{ name: 'x', settings: { resources: { requests: { cpu: 2 }, limits: { cpu: 1 } } } }, 'settings.resources.requests'],
    [{ name: 'x', settings: { note: 'x'.repeat(70_000) } }, 'settings'],
  ];
  for (const [body, path] of faults) {
    const expected = { status: 422, body: { error: { code: 'UNPROCESSABLE_ENTITY', details: [{ path }] } } };
    t.match(await rest.call('POST', '/spaces', body), expected, JSON.stringify(body).slice(0, 100));
  }
  t.match(await rest.call('DELETE', '/spaces/default'), refusal(409, 'CONFLICT', /default/));
});

t.test('a merge patch changes single settings and keeps the others, also when many come at once', async (t) => {
  const { rest } = target;
  const name = await newSpace(t, { settings: { timeouts: { idle_pause_s: 600, ttl_s: 7200 }, notes: { team: 'a', list: [1, 2] } } });
  const patch = (body: object, by = rest) => by.call('PATCH', `/spaces/${name}`, body);
  const changed = await patch({ settings: { timeouts: { ttl_s: null, idle_pause_s: 60 }, notes: { list: [3] } }, description: 'x' });
  t.match(changed, { status: 200, body: { description: 'x', active: true } });
  t.same((changed.body as { settings: unknown }).settings, { timeouts: { idle_pause_s: 60 }, notes: { team: 'a', list: [3] } });
  await Promise.all(Array.from({ length: 20 }, (_, at) => patch({ settings: { notes: { [`of-${at}`]: at } } })));
  const { settings } = (await rest.call('GET', `/spaces/${name}`)).body as { settings: { notes: object } };
  t.equal(Object.keys(settings.notes).length, 22, 'none is lost');
  t.match(await patch({ settings: { notes: null, timeouts: null } }), { status: 200, body: { settings: {} } });

  t.match(await patch({}), refusal(400, 'BAD_REQUEST'));
  t.match(await patch({ settings: { timeouts: { ttl_s: -1 } } }), {
    ...{ status: 422, body: { error: { details: [{ path: 'settings.timeouts.ttl_s' }] } } },
  });
  t.match(await patch({ settings: [] }), refusal(422, 'UNPROCESSABLE_ENTITY'));
  const owner = await someone(t, ['admin', name]);
  t.match(await patch({ settings: { quotas: { sessions: 1000 } } }, owner), refusal(403, 'FORBIDDEN', /settings.quotas/));
  t.match(await patch({ settings: { notes: { mine: true } } }, owner), { status: 200 });
});

t.test('an Idempotency-Key creates one space', async (t) => {
  const { rest } = target;
  const name = unique('once');
  const send = (body: object) =>
    rest.send('POST', '/spaces', JSON.stringify(body), 'application/json', { headers: { 'idempotency-key': `key-of-${name}` } });
  t.teardown(() => rest.call('DELETE', `/spaces/${name}`));
  const first = await send({ name });
  t.match(await send({ name }), { status: 201, body: first.body });
  t.match(await send({ name, description: 'another' }), refusal(422, 'UNPROCESSABLE_ENTITY', /Idempotency-Key/));
});

t.test('who can see a space, and for whom it does not exist', async (t) => {
  const { rest } = target;
  const mine = await newSpace(t);
  const theirs = await newSpace(t);
  const nobody = await someone(t);
  t.match(await nobody.call('GET', '/spaces'), refusal(403, 'FORBIDDEN', /spaces:list/));
  t.match(await nobody.call('GET', `/spaces/${mine}`), refusal(404, 'NOT_FOUND'));
  t.match(await nobody.call('POST', '/spaces', { name: unique('not') }), refusal(403, 'FORBIDDEN', /spaces:create/));

  const viewer = await someone(t, ['viewer', mine]);
  const listed = await viewer.call('GET', '/spaces');
  t.same(namesOf(listed), [mine]);
  t.equal(listed.headers.get('x-total-count'), '1', 'nor is it counted');
  t.match(await viewer.call('GET', `/spaces/${mine}`), { status: 200 });
  t.match(await viewer.call('PUT', `/spaces/${mine}`, { active: false }), refusal(403, 'FORBIDDEN', /spaces:update/));
  t.match(await viewer.call('DELETE', `/spaces/${mine}`), refusal(403, 'FORBIDDEN', /spaces:delete/));
  for (const [method, body] of [['GET'], ['PUT', { active: false }], ['DELETE']] as const)
    t.match(await viewer.call(method, `/spaces/${theirs}`, body), refusal(404, 'NOT_FOUND', /No such space/));

  const admin = await someone(t, ['admin', mine]);
  t.match(await admin.call('PUT', `/spaces/${mine}`, { description: 'ours' }), { status: 200 });
  t.match(await admin.call('POST', '/spaces', { name: unique('not') }), refusal(403, 'FORBIDDEN'), 'a new space has no roles yet');
  t.match(await someone(t, ['developer', mine]).then((one) => one.call('GET', `/spaces/${mine}`)), refusal(403, 'FORBIDDEN', /spaces:get/));
  t.match(await rest.call('GET', `/spaces/${theirs}`), { status: 200, body: { active: true } }, 'nothing was changed');
});

t.test('a space with sessions cannot be removed; a new one of the same name inherits nothing', async (t) => {
  const { rest } = target;
  const name = await newSpace(t, { settings: { colour: 'red' } });
  const admin = await someone(t, ['admin', name]);
  t.match(await rest.call('POST', `/spaces/${name}/secrets`, { key_name: 'TOKEN', value: 'v' }), { status: 201 });
  t.match(await rest.call('POST', `/spaces/${name}/agents`, { name: 'greeter' }), { status: 201 });
  const made = await admin.call('POST', '/sessions', { space: name });
  t.match(made, { status: 201, body: { space: name } });
  t.match(await rest.call('DELETE', `/spaces/${name}`), refusal(409, 'CONFLICT', /sessions/));
  await rest.removeSession((made.body as { id: string }).id);
  t.equal((await rest.call('DELETE', `/spaces/${name}`)).status, 204);
  t.match(await admin.call('GET', `/spaces/${name}`), refusal(404, 'NOT_FOUND'));

  t.match(await rest.call('POST', '/spaces', { name }), { status: 201, body: { settings: {} } });
  t.same((await rest.call('GET', `/spaces/${name}/secrets`)).body, []);
  t.same((await rest.call('GET', `/spaces/${name}/agents`)).body, []);
  t.match(await admin.call('GET', `/spaces/${name}`), refusal(404, 'NOT_FOUND'), 'a binding does not come back');
  t.match(await admin.call('GET', '/spaces'), refusal(403, 'FORBIDDEN'));
});

t.test('an inactive space accepts no work, and its running sessions can be stopped', async (t) => {
  const { rest } = target;
  const name = await newSpace(t);
  const { id } = await rest.createSession({ space: name });
  t.teardown(() => rest.call('DELETE', `/sessions/${id}`));
  t.match(await rest.call('PUT', `/spaces/${name}`, { active: false }), { status: 200 });
  const inactive = refusal(409, 'CONFLICT', /is inactive/);
  t.match(await rest.call('POST', '/sessions', { space: name }), inactive);
  t.match(await rest.call('POST', `/sessions/${id}/messages`, { content: 'hello' }), inactive);
  t.match(await rest.call('POST', `/spaces/${name}/build`), inactive);
  t.match(await rest.call('POST', `/spaces/${name}/agents`, { name: 'greeter' }), { status: 201 });
  t.match(await rest.call('POST', `/sessions/${id}/suspend`), { status: 200 });
  t.match(await rest.call('POST', `/sessions/${id}/resume`), inactive);
  t.match(await rest.call('PUT', `/spaces/${name}`, { active: true }), { status: 200 });
  t.match(await rest.call('POST', `/sessions/${id}/resume`), { status: 200 });
  await rest.removeSession(id);
});

t.test('quotas bound a space, and a refusal shows use, limit and request', async (t) => {
  const { rest } = target;
  const MIB = 1024 * 1024;
  const quotas = { sessions: 2, cpu: 0.3, memory_bytes: 400 * MIB };
  const name = await newSpace(t, { settings: { quotas } });
  const sessions: string[] = [];
  t.teardown(() => Promise.all(sessions.map((id) => rest.call('DELETE', `/sessions/${id}`))));
  const ask = async (requests: object) => {
    const made = await rest.call('POST', '/sessions', { space: name, resources: { requests } });
    if (made.status === 201) sessions.push((made.body as { id: string }).id);
    return made;
  };
  const beyond = (details: object) => ({ status: 409, body: { error: { code: 'CONFLICT', details } } });
  const first = await ask({ cpu: 0.2, memory_bytes: 128 * MIB });
  t.equal(first.status, 201);
  t.match(await ask({ cpu: 0.2, memory_bytes: 128 * MIB }), beyond({ quota: 'cpu', used: 0.2, allowed: 0.3, asked: 0.2 }));
  const memory = { quota: 'memory_bytes', used: 128 * MIB, allowed: 400 * MIB, asked: 300 * MIB };
  t.match(await ask({ cpu: 0.1, memory_bytes: 300 * MIB }), beyond(memory));
  t.equal((await ask({ cpu: 0.1, memory_bytes: 128 * MIB })).status, 201, 'just fits');
  t.match(await ask({ cpu: 0.01, memory_bytes: MIB }), beyond({ quota: 'sessions', used: 2, allowed: 2, asked: 1 }));

  const [rested = '', other = ''] = sessions;
  t.match(await rest.call('POST', `/sessions/${rested}/suspend`), { status: 200 });
  await rest.removeSession(other);
  t.equal((await ask({ cpu: 0.3, memory_bytes: 128 * MIB })).status, 201, 'suspended sessions take no room');
  t.match(await rest.call('POST', `/sessions/${rested}/resume`), beyond({ quota: 'cpu', used: 0.3, asked: 0.2 }));
  t.match(await rest.call('POST', `/sessions/${rested}/messages`, { content: 'wake up' }), beyond({ quota: 'cpu' }));
  t.match(await rest.call('POST', `/sessions/${rested}/messages`, { content: 'later', wake: false }), { status: 201 });
  t.match(await rest.call('PUT', `/spaces/${name}`, { settings: { quotas: { cpu: 1 } } }), { status: 200 });
  t.match(await rest.call('POST', `/sessions/${rested}/resume`), { status: 200 });
  for (const id of sessions.filter((one) => one !== other)) await rest.removeSession(id);
});

t.test('a secret is created, found, changed and removed; its value is shown on request, with permission', async (t) => {
  const { rest } = target;
  const name = await newSpace(t);
  const path = `/spaces/${name}/secrets`;
  const made = await rest.call('POST', `${path}?show_values=true`, { key_name: 'TOKEN', value: 'hidden 🔑', description: 'of a test' });
  t.match(made, { status: 201, body: { space: name, key_name: 'TOKEN', description: 'of a test', created_by: 'admin' } });
  t.same(Object.keys(made.body as object).sort(), ['created_at', 'created_by', 'description', 'key_name', 'space', 'updated_at']);
  t.match(await rest.call('POST', path, { key_name: 'TOKEN', value: 'x' }), refusal(409, 'CONFLICT', /already/));
  t.same((await rest.call('GET', `${path}/TOKEN`)).body, made.body);
  t.same((await rest.call('GET', path)).body, [made.body]);
  t.match(await rest.call('GET', `${path}?show_values=true`), { status: 200, body: [{ value: 'hidden 🔑' }] });
  t.match(await rest.call('GET', `${path}/TOKEN?show_values=true`), { status: 200, body: { value: 'hidden 🔑' } });
  t.match(await rest.call('PUT', `${path}/TOKEN?show_values=true`, { value: '' }), {
    status: 200,
    body: { value: '', description: 'of a test' },
  });
  const changed = await rest.call('PUT', `${path}/TOKEN`, { description: null, value: null });
  t.match(changed, { status: 200, body: { description: null } });
  t.notOk('value' in (changed.body as object));
  t.match(await rest.call('PUT', `${path}/TOKEN`, { key_name: 'OTHER' }), refusal(400, 'BAD_REQUEST'));
  t.match(await rest.call('GET', `${path}?show_values=yes`), refusal(400, 'BAD_REQUEST'));
  t.equal((await rest.call('DELETE', `${path}/TOKEN`)).status, 204);
  for (const [method, body] of [['GET'], ['PUT', { value: 'x' }], ['DELETE']] as const)
    t.match(await rest.call(method, `${path}/TOKEN`, body), refusal(404, 'NOT_FOUND', /secret/));
  t.match(await rest.call('GET', `/spaces/${unique('none')}/secrets`), refusal(404, 'NOT_FOUND', /space/));
});

t.test('an invalid secret is refused, and the answer does not repeat it', async (t) => {
  const { rest } = target;
  const name = await newSpace(t);
  const path = `/spaces/${name}/secrets`;
  const faults: readonly (readonly [body: object, at: string])[] = [
    [{ value: 'planted' }, 'key_name'],
    [{ key_name: 'K' }, 'value'],
    [{ key_name: '1K', value: 'planted' }, 'key_name'],
    [{ key_name: 'NODE_OPTIONS', value: 'planted' }, 'key_name'],
    [{ key_name: 'LD_PRELOAD', value: 'planted' }, 'key_name'],
    [{ key_name: 'PYTHONPATH', value: 'planted' }, 'key_name'],
    [{ key_name: 'PATH', value: 'planted' }, 'key_name'],
    [{ key_name: 'RAWORC_SPACE', value: 'planted' }, 'key_name'],
    [{ key_name: 'K-1', value: 'planted' }, 'key_name'],
    [{ key_name: 'K'.repeat(256), value: 'planted' }, 'key_name'],
    [{ key_name: 'K', value: 7 }, 'value'],
    [{ key_name: 'K', value: 'planted\0' }, 'value'],
    [{ key_name: 'K', value: 'planted\ud800' }, 'value'],
    [{ key_name: 'K', value: 'planted'.repeat(10_000) }, 'value'],
  ];
  for (const [body, at] of faults) {
    const answer = await rest.call('POST', path, body);
    t.match(answer, { status: 422, body: { error: { details: [{ path: at }] } } }, JSON.stringify(body).slice(0, 60));
    t.notMatch(JSON.stringify(answer.body), /planted/);
  }
  t.match(await rest.call('POST', path, { key_name: '__proto__', value: 'x'.repeat(65_536) }), { status: 201 });
  for (let at = 0; at < 14; at += 1)
    t.match(await rest.call('POST', path, { key_name: `K${at}`, value: 'x'.repeat(65_536) }), { status: 201 });
  t.match(await rest.call('POST', path, { key_name: 'LAST', value: 'x'.repeat(65_536) }), refusal(409, 'CONFLICT', /1 MiB/));
});

t.test('who can see a secret, and who its value', async (t) => {
  const name = await newSpace(t);
  const path = `/spaces/${name}/secrets`;
  for (const key_name of ['ONE', 'TWO']) t.match(await target.rest.call('POST', path, { key_name, value: 'v' }), { status: 201 });
  const developer = await someone(t, ['developer', name]);
  t.match(await developer.call('GET', path), { status: 200, body: [{ key_name: 'TWO' }, { key_name: 'ONE' }] });
  for (const asked of [`${path}?show_values=true`, `${path}/ONE?show_values=true`])
    t.match(await developer.call('GET', asked), refusal(403, 'FORBIDDEN', /read-values/));
  t.match(await developer.call('POST', path, { key_name: 'K', value: 'v' }), refusal(403, 'FORBIDDEN', /secrets:create/));
  t.match(await developer.call('PUT', `${path}/ONE`, { value: 'w' }), refusal(403, 'FORBIDDEN', /secrets:update/));
  t.match(await developer.call('DELETE', `${path}/ONE`), refusal(403, 'FORBIDDEN', /secrets:delete/));

  const operator = await someone(t, ['operator', name]);
  t.match(await operator.call('PUT', `${path}/ONE?show_values=true`, { value: 'w' }), refusal(403, 'FORBIDDEN', /read-values/));
  t.match(await operator.call('PUT', `${path}/ONE`, { value: 'w' }), { status: 200 });
  t.match(await target.rest.call('GET', `${path}/ONE?show_values=true`), { body: { value: 'w' } }, 'changed once, and by the second');

  const narrow = await newRole(t, { resources: ['secrets'], verbs: ['get', 'read-values'], resource_names: ['TWO'] });
  const narrowed = await someone(t, [narrow, name]);
  t.match(await narrowed.call('GET', `${path}/TWO?show_values=true`), { status: 200, body: { value: 'v' } });
  t.match(await narrowed.call('GET', `${path}/ONE`), refusal(403, 'FORBIDDEN'));
  t.match(await narrowed.call('GET', path), refusal(403, 'FORBIDDEN', /secrets:list/));

  const stranger = await someone(t, ['admin', await newSpace(t)]);
  for (const [method, at, body] of [
    ['GET', path],
    ['POST', path, { key_name: 'K', value: 'v' }],
    ['GET', `${path}/ONE`],
    ['PUT', `${path}/ONE`, { value: 'w' }],
    ['DELETE', `${path}/ONE`],
  ] as const)
    t.match(await stranger.call(method, at, body), refusal(404, 'NOT_FOUND', /No such space/), `${method} ${at}`);
});

t.test('events report changes of secrets and spaces, without their contents', async (t) => {
  const { rest } = target;
  const news = await rest.watch('/events');
  t.teardown(() => news.close());
  const name = await newSpace(t, { settings: { planted: 'planted-setting' } });
  await rest.call('POST', `/spaces/${name}/secrets`, { key_name: 'PLANTED_KEY', value: 'planted-value' });
  await news.until('the change of a secret', ({ type, data }) => type === 'secrets.changed' && data.space === name);
  await rest.call('DELETE', `/spaces/${name}`);
  await news.until('the end of the space', ({ type, data }) => type === 'space.deleted' && data.space === name);
  const told = JSON.stringify(news.events.filter(({ data }) => data.space === name));
  t.match(told, /space.created/);
  t.notMatch(told, /planted/i);
});
