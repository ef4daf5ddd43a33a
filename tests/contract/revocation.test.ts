import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import t from 'tap';
import { expect, Rest } from '../cluster/rest.ts';
import { bind, login, PASSWORD, person, refusal, role, space, unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

/** A request with an accepted token, whose body the server still waits for. */
async function begin(token: string, method: string, path: string, body: object) {
  const text = JSON.stringify(body);
  const headers = {
    ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...{ 'content-length': Buffer.byteLength(text), expect: '100-continue' },
  };
  const sent = request(`${target.url}/api/v0${path}`, { method, headers, agent: false });
  const status = new Promise<number | undefined>((resolve, reject) => {
    sent.on('error', reject).on('response', (response) => resolve(response.resume().statusCode));
  });
  sent.flushHeaders();
  await once(sent, 'continue');
  return () => {
    sent.end(text);
    return status;
  };
}

const keyOf = async (rest: Rest, rules?: readonly object[]) =>
  expect(await rest.call('POST', '/api-keys', { name: 'k', rules }), 201, 'make a key') as { id: string; key: string };

t.test('permissions revoked while a request body is being sent no longer count', async (t) => {
  const { rest } = target;
  const boss = await person(t, target, ['admin', null]);
  const mole = await person(t, target);
  const { id, key } = await keyOf(boss.rest);
  const acts: Record<string, readonly (() => Promise<number | undefined>)[]> = {
    token: [
      await begin(boss.token, 'POST', '/role-bindings', { role_name: 'admin', principal: mole.user }),
      await begin(boss.token, 'POST', '/service-accounts', { user: unique('back'), pass: PASSWORD }),
    ],
    key: [await begin(key, 'POST', '/api-keys', { name: 'child' })],
  };
  t.equal((await boss.rest.call('DELETE', `/api-keys/${id}`)).status, 204);
  t.equal((await rest.call('PUT', `/service-accounts/${boss.id}`, { active: false })).status, 200);
  for (const [name, those] of Object.entries(acts)) for (const finish of those) t.equal(await finish(), 401, name);

  const ann = await person(t, target);
  const binding = await bind(t, rest, 'admin', ann.user, null);
  const late = await begin(ann.token, 'POST', '/service-accounts', { user: unique('back'), pass: PASSWORD });
  t.equal((await rest.call('DELETE', `/role-bindings/${binding}`)).status, 204);
  t.equal(await late(), 403, 'the account still exists, without the permission');
});

t.test('a key is revoked with the key that created it, at any depth', async (t) => {
  const ann = await person(t, target);
  const as = (key: string) => new Rest(target.url, key);
  const root = await keyOf(ann.rest);
  const child = await keyOf(as(root.key));
  const grandchild = await keyOf(as(child.key));
  const other = await keyOf(ann.rest);
  const left = async () => (expect(await ann.rest.call('GET', '/api-keys'), 200, 'list') as readonly { id: string }[]).map(({ id }) => id);
  const late = await begin(grandchild.key, 'POST', '/api-keys', { name: 'late' });
  t.equal((await ann.rest.call('DELETE', `/api-keys/${root.id}`)).status, 204);
  for (const { key } of [root, child, grandchild]) t.match(await as(key).call('GET', '/auth/me'), refusal(401, 'UNAUTHORIZED'));
  t.equal(await late(), 401);
  t.equal((await as(other.key).call('GET', '/auth/me')).status, 200);
  t.same(await left(), [other.id]);
});

t.test('a restricted key cannot set its owner’s password', async (t) => {
  const boss = await person(t, target, ['admin', null]);
  const path = `/service-accounts/${boss.user}/password`;
  const narrow = new Rest(target.url, (await keyOf(boss.rest, [{ resources: ['service-accounts'], verbs: ['update'] }])).key);
  for (const current_password of [undefined, PASSWORD])
    t.match(
      await narrow.call('PUT', path, { current_password, new_password: 'stolen from ann' }),
      refusal(403, 'FORBIDDEN', /more permissions than/),
    );
  await login(target.url, boss.user);
  const whole = new Rest(target.url, (await keyOf(boss.rest)).key);
  t.match(await whole.call('PUT', path, { new_password: PASSWORD }), { status: 200 }, 'a key with all permissions of its owner');
});

t.test('resetting a password requires the permissions of its account on its own sessions', async (t) => {
  const { rest } = target;
  const here = await space(t, target);
  const bob = await person(t, target);
  const binding = await bind(t, rest, 'developer', bob.user, here);
  const session = await bob.rest.createSession({ space: here });
  t.teardown(() => rest.call('DELETE', `/sessions/${session.id}`));
  await rest.call('DELETE', `/role-bindings/${binding}`);
  const helpdesk = await person(t, target, [await role(t, target, 'service-accounts update'), null]);
  const reset = () => helpdesk.rest.call('PUT', `/service-accounts/${bob.id}/password`, { new_password: 'by helpdesk' });
  t.match(await reset(), refusal(403, 'FORBIDDEN', /more permissions than/));
  await bind(t, rest, await role(t, target, 'sessions get,update,delete,files'), helpdesk.user, here);
  t.match(await reset(), { status: 200 });
});

t.test('a creator who lost every role in the space has no access to what they created there', async (t) => {
  const { rest } = target;
  const [here, elsewhere] = [await space(t, target), await space(t, target)];
  const ann = await person(t, target, ['developer', elsewhere]);
  const binding = await bind(t, rest, 'developer', ann.user, here);
  const key = new Rest(target.url, (await keyOf(ann.rest)).key);
  const session = await ann.rest.createSession({ space: here });
  t.teardown(() => rest.call('DELETE', `/sessions/${session.id}`));
  const path = `/sessions/${session.id}`;
  t.match(await ann.rest.call('POST', `${path}/messages`, { content: 'before' }), { status: 201 }, 'while the role is bound');
  const headers = { 'idempotency-key': randomUUID() };
  const again = () => ann.rest.send('POST', '/sessions', JSON.stringify({ space: here }), 'application/json', { headers });
  const made = expect(await again(), 201, 'make one') as { id: string };
  t.teardown(() => rest.call('DELETE', `/sessions/${made.id}`));

  const streams = await Promise.all([ann.rest.watch(`${path}/events`), ann.rest.watch('/events'), key.watch(`${path}/events`)]);
  t.equal((await rest.call('DELETE', `/role-bindings/${binding}`)).status, 204);
  for (const stream of streams)
    await t.rejects(
      stream.until('its end', () => false),
      /ended/,
    );
  for (const who of [ann.rest, key]) {
    for (const [method, rest, body] of [
      ['GET', ''],
      ['PUT', '', { name: 'mine' }],
      ['DELETE', ''],
      ['PUT', '/state', { state: 'paused' }],
      ['POST', '/pause'],
      ['POST', '/suspend'],
      ['POST', '/resume'],
      ['POST', '/remix', {}],
      ['POST', '/remix', { space: elsewhere }],
      ['POST', '/remix', { space: elsewhere, data: false }],
      ['GET', '/messages'],
      ['POST', '/messages', { content: 'what are the secrets now?' }],
      ['DELETE', '/messages'],
      ['GET', '/messages/count'],
      ['GET', '/trace/a-message'],
      ['GET', '/events'],
    ] as const)
      t.match(await who.call(method, `${path}${rest}`, body), refusal(404, 'NOT_FOUND'), `${method} ${rest} ${JSON.stringify(body)}`);
    t.same((await who.call('GET', '/sessions')).body, []);
    t.match(await who.call('GET', `/sessions?space=${here}`), refusal(404, 'NOT_FOUND'));
    t.match(await who.call('POST', '/sessions', { space: elsewhere, parent_session_id: session.id }), refusal(404, 'NOT_FOUND'));
  }
  t.match(await again(), refusal(404, 'NOT_FOUND'), 'nor the object of the Idempotency-Key');

  await bind(t, rest, await role(t, target, 'builds get'), ann.user, here);
  t.match(await ann.rest.call('GET', path), { status: 200, body: { created_by: ann.user } }, 'with any role there, it is theirs again');
  t.match((await ann.rest.call('GET', `/sessions?space=${here}&limit=1`)).body, [{ id: made.id }]);
});

t.test('a name cannot look like an id', async (t) => {
  const { rest } = target;
  const victim = await person(t, target);
  for (const spelled of [victim.id, victim.id.toUpperCase()]) {
    t.match(await rest.call('POST', '/service-accounts', { user: spelled, pass: PASSWORD }), refusal(422, 'UNPROCESSABLE_ENTITY'));
    t.match(await rest.call('POST', '/roles', { name: spelled, rules: [] }), refusal(422, 'UNPROCESSABLE_ENTITY'));
    t.match(
      await rest.call('POST', '/role-bindings', {
        role_name: 'viewer',
        principal: spelled,
        space: spelled === victim.id ? 'default' : undefined,
      }),
      {
        status: 201,
        body: { principal: victim.user },
      },
    );
  }
});
