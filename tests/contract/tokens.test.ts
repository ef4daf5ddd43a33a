import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { Rest } from '../cluster/rest.ts';
import { EventStream, type ServerEvent } from '../cluster/sse.ts';
import { bind, type Person, person, refusal, role, space } from './people.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);
let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

interface Key {
  readonly id: string;
  readonly key: string;
  readonly last_used_at: string | null;
}

async function keyOf(person: Person, more: object = {}): Promise<Key & { rest: Rest }> {
  const made = await person.rest.call('POST', '/api-keys', { name: 'a key', ...more });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  const key = made.body as Key;
  return { ...key, rest: new Rest(target.url, key.key) };
}

const UNKNOWN = refusal(401, 'UNAUTHORIZED');

t.test('a token can be refreshed; logging out revokes it, and logging out everywhere revokes all', async (t) => {
  const ann = await person(t, target);
  const refreshed = await ann.rest.call('POST', '/auth/refresh');
  t.match(refreshed, { status: 200, body: { token: String, token_type: 'Bearer', expires_at: String } });
  const second = new Rest(target.url, (refreshed.body as { token: string }).token);
  t.match(await second.call('GET', '/auth/me'), { status: 200, body: { user: ann.user } });
  t.equal((await ann.rest.call('POST', '/auth/logout')).status, 204);
  t.match(await ann.rest.call('GET', '/auth/me'), UNKNOWN);
  t.match(await ann.rest.call('POST', '/auth/refresh'), UNKNOWN);
  t.equal((await second.call('GET', '/auth/me')).status, 200, 'another token goes on');
  const third = new Rest(target.url, ((await second.call('POST', '/auth/refresh')).body as { token: string }).token);
  t.match(await second.call('POST', '/auth/logout', { everywhere: 'yes' }), refusal(422, 'UNPROCESSABLE_ENTITY'));
  t.equal((await second.call('POST', '/auth/logout', { everywhere: true })).status, 204);
  for (const one of [second, third]) t.match(await one.call('GET', '/auth/me'), UNKNOWN);
});

t.test('an API key has a second form, for the SDKs of E2B, and a space for their sandboxes', async (t) => {
  const ann = await person(t, target, ['viewer', null]);
  const made = await ann.rest.call('POST', '/api-keys', { name: 'sandboxes', space: 'default' });
  t.match(made, { status: 201, body: { space: 'default', e2b_key: /^e2b_[0-9a-f]{64}$/ } });
  const { id, e2b_key: key } = made.body as { id: string; e2b_key: string };
  const byKey = new Rest(target.url, key);
  t.match(await byKey.call('GET', '/auth/me'), { status: 200, body: { user: ann.user } });
  t.match(await new Rest(target.url, `${key.slice(0, -1)}${key.endsWith('0') ? 1 : 0}`).call('GET', '/auth/me'), UNKNOWN);
  t.match(await new Rest(target.url, key.toUpperCase()).call('GET', '/auth/me'), UNKNOWN);
  t.match(await ann.rest.call('POST', '/api-keys', { name: 'k', space: 'nowhere' }), refusal(404, 'NOT_FOUND'));
  t.equal((await ann.rest.call('DELETE', `/api-keys/${id}`)).status, 204);
  t.match(await byKey.call('GET', '/auth/me'), UNKNOWN, 'the second form ends with the first');
});

t.test('an API key is shown once, acts for its owner, and is invalid once deleted', async (t) => {
  const ann = await person(t, target, ['viewer', null]);
  const { id, key, rest: byKey } = await keyOf(ann, { expires_at: '2999-01-01T00:00:00Z' });
  t.match(key, /^rwk_[A-Za-z0-9_-]{43}$/);
  t.match(await byKey.call('GET', '/auth/me'), { status: 200, body: { user: ann.user, id: ann.id, roles: ['viewer'] } });
  const listed = await ann.rest.call('GET', '/api-keys');
  const shown = {
    id,
    name: 'a key',
    rules: null,
    space: null,
    expires_at: '2999-01-01T00:00:00.000Z',
    last_used_at: String,
    created_at: String,
  };
  t.match(listed, { status: 200, body: [shown] });
  t.notOk(JSON.stringify(listed.body).includes(key));
  t.equal((await byKey.call('GET', '/nodes')).status, 200);
  t.equal((await byKey.call('POST', '/spaces', { name: 'x' })).status, 403);
  for (const path of ['/auth/refresh', '/auth/logout'])
    t.match(await byKey.call('POST', path), refusal(403, 'FORBIDDEN'), 'it is not a login token');

  const bob = await person(t, target);
  t.same((await bob.rest.call('GET', '/api-keys')).body, [], 'keys of others do not exist');
  t.match(await bob.rest.call('DELETE', `/api-keys/${id}`), refusal(404, 'NOT_FOUND'));
  t.match(await ann.rest.call('DELETE', `/api-keys/${randomUUID()}`), refusal(404, 'NOT_FOUND'));
  t.equal((await ann.rest.call('DELETE', `/api-keys/${id}`)).status, 204);
  t.match(await byKey.call('GET', '/auth/me'), UNKNOWN);
  const second = await keyOf(ann);
  const helpdesk = await person(t, target, [await role(t, target, 'service-accounts update'), null]);
  t.equal((await helpdesk.rest.call('DELETE', `/api-keys/${second.id}`)).status, 204);
  t.match(await second.rest.call('GET', '/auth/me'), UNKNOWN);

  for (const [body, path] of [
    [{}, 'name'],
    [{ name: 'x', expires_at: 'soon' }, 'expires_at'],
    [{ name: 'x', expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    [{ name: 'x', rules: [{ resources: ['cats'], verbs: ['get'] }] }, 'rules.0.resources.0'],
  ] as const)
    t.match(
      await ann.rest.call('POST', '/api-keys', body),
      { status: 422, body: { error: { details: [{ path }] } } },
      JSON.stringify(body),
    );
});

t.test('a key’s rules narrow its owner’s rights, and never widen them', async (t) => {
  const here = await space(t, target);
  const ann = await person(t, target, ['developer', here]);
  const own = (await ann.rest.call('POST', '/sessions', { space: here })).body as { id: string };
  t.teardown(() => target.rest.call('DELETE', `/sessions/${own.id}`));
  const reads = await keyOf(ann, { rules: [{ resources: ['sessions', 'nodes'], verbs: ['get', 'list'] }] });
  t.equal((await reads.rest.call('GET', `/sessions/${own.id}`)).status, 200);
  t.match(await reads.rest.call('POST', `/sessions/${own.id}/pause`), refusal(403, 'FORBIDDEN'), 'not even its owner’s own objects');
  t.match(await reads.rest.call('POST', '/sessions', { space: here }), refusal(403, 'FORBIDDEN'));
  t.match(await reads.rest.call('GET', `/spaces/${here}/agents`), refusal(403, 'FORBIDDEN'));
  t.match(await reads.rest.call('GET', '/nodes'), refusal(403, 'FORBIDDEN'), 'what its owner cannot do');
  t.match(
    await reads.rest.call('POST', '/api-keys', { name: 'wider' }),
    refusal(403, 'FORBIDDEN'),
    'it cannot create a key with more permissions',
  );
  const keys = await keyOf(ann, { rules: [{ resources: ['service-accounts', 'sessions'], verbs: ['get', 'update'] }] });
  t.match(await keys.rest.call('POST', '/api-keys', { name: 'wider' }), refusal(403, 'FORBIDDEN'));
  t.match(
    await keys.rest.call('POST', '/api-keys', { name: 'x', rules: [{ resources: ['sessions'], verbs: ['*'] }] }),
    refusal(403, 'FORBIDDEN'),
  );
  t.match(await keys.rest.call('POST', '/api-keys', { name: 'x', rules: [{ resources: ['sessions'], verbs: ['read'] }] }), { status: 201 });
  const brief = await keyOf(ann, { expires_at: '2998-01-01T00:00:00Z' });
  t.match(await brief.rest.call('POST', '/api-keys', { name: 'longer' }), {
    status: 422,
    body: { error: { details: [{ path: 'expires_at' }] } },
  });
});

t.test('removing a role takes effect at once, for tokens and keys', async (t) => {
  const here = await space(t, target);
  const ann = await person(t, target);
  const { rest: byKey } = await keyOf(ann);
  const reads = (one: Rest) => one.call('GET', `/spaces/${here}/agents`);
  for (const one of [ann.rest, byKey]) t.equal((await reads(one)).status, 404);
  const id = await bind(t, target.rest, 'viewer', ann.user, here);
  for (const one of [ann.rest, byKey]) t.equal((await reads(one)).status, 200);
  await target.rest.call('DELETE', `/role-bindings/${id}`);
  for (const one of [ann.rest, byKey]) t.equal((await reads(one)).status, 404);
});

/** Well before a stream checks its own permission again. */
const ends = (t: Test, stream: EventStream, why: string) =>
  t.rejects(
    stream.until('its end', () => false, 4000),
    /ended before/,
    why,
  );

t.test('streams close when the permission that opened them ends', async (t) => {
  const { rest, url } = target;
  const here = await space(t, target);
  const watched = await person(t, target, ['viewer', here]);
  const open = (token: string) => EventStream.open(`${url}/api/v0/events`, token);
  const other = await open(watched.token);
  t.teardown(async () => other.close());
  const endings: Readonly<Record<string, (ann: Person, key: Key, binding: string) => Promise<unknown>>> = {
    'a password that is changed': (ann) => rest.call('PUT', `/service-accounts/${ann.id}/password`, { new_password: 'long enough' }),
    'an account that is deactivated': (ann) => rest.call('PUT', `/service-accounts/${ann.id}`, { active: false }),
    'an account that is deleted': (ann) => rest.call('DELETE', `/service-accounts/${ann.id}`),
    'a logout': (ann) => ann.rest.call('POST', '/auth/logout'),
    'a logout everywhere': (ann) => ann.rest.call('POST', '/auth/logout', { everywhere: true }),
    'a binding that is deleted': (_ann, _key, binding) => rest.call('DELETE', `/role-bindings/${binding}`),
    'a key that is deleted': (ann, key) => ann.rest.call('DELETE', `/api-keys/${key.id}`),
  };
  for (const [why, end] of Object.entries(endings)) {
    const ann = await person(t, target);
    const binding = await bind(t, rest, 'viewer', ann.user, here);
    const key = await keyOf(ann);
    const stream = await open(why.startsWith('a key') ? key.key : ann.token);
    t.notOk(stream.ended);
    await end(ann, key, binding);
    await ends(t, stream, why);
  }
  t.notOk(other.ended, 'another’s goes on');
});

t.test('a watcher of all events sees those of its own sessions, and no others without permission', async (t) => {
  const here = await space(t, target);
  const makes = await role(t, target, 'sessions create');
  const [ann, bob] = [await person(t, target, [makes, here]), await person(t, target, [makes, here])];
  const stream = await EventStream.open(`${target.url}/api/v0/events`, ann.token);
  t.teardown(async () => stream.close());
  for (const one of [bob, ann]) {
    const made = await one.rest.call('POST', '/sessions', { space: here });
    t.match(made, { status: 201 });
    t.teardown(() => target.rest.call('DELETE', `/sessions/${(made.body as { id: string }).id}`));
  }
  const isOf = ({ user }: Person, { data }: ServerEvent) => (data.session as { created_by?: string } | undefined)?.created_by === user;
  await stream.until('its own session', (event) => event.type === 'session.created' && isOf(ann, event));
  t.notOk(stream.events.some((event) => isOf(bob, event)));
});
