import { randomUUID } from 'node:crypto';
import t from 'tap';
import { Rest } from '../cluster/rest.ts';
import { bind, login, space as newSpace, PASSWORD, person, refusal, role, unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);
let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const LONG = 'eight888';

t.test('an account shows the space of each role', async (t) => {
  const space = await newSpace(t, target);
  const ann = await person(t, target, ['viewer', space], ['viewer', null], ['developer', space]);
  const { body } = await ann.rest.call('GET', '/auth/me');
  const { roles, role_bindings: bindings } = body as { roles: string[]; role_bindings: { role_name: string; space: string | null }[] };
  t.same(roles.toSorted(), ['developer', 'viewer']);
  t.same(bindings[0], { role_name: 'viewer', space: null }, 'bindings in all spaces first');
  t.same(
    bindings
      .slice(1)
      .map(({ role_name, space: at }) => `${role_name} ${at}`)
      .toSorted(),
    [`developer ${space}`, `viewer ${space}`],
  );
});

t.test('nobody can set the password of an account that has more permissions on its sessions than they have', async (t) => {
  const { rest, url } = target;
  const space = await newSpace(t, target);
  const made = await role(t, target, 'sessions create');
  const ann = await person(t, target, [made, space]);
  const session = await ann.rest.call('POST', '/sessions?wait=60s', { space });
  t.equal(session.status, 201);
  const { id } = session.body as { id: string };
  t.teardown(() => rest.call('DELETE', `/sessions/${id}`));
  for (const [verbs, status] of [
    ['create,get,update,delete', 403],
    ['create,get,update,delete,files', 200],
  ] as const) {
    const bob = await person(t, target, [await role(t, target, 'service-accounts update', `sessions ${verbs}`), null]);
    const set = await bob.rest.call('PUT', `/service-accounts/${ann.user}/password`, { new_password: LONG });
    t.equal(set.status, status, `with ${verbs}`);
  }
  t.ok(await login(url, ann.user, LONG));
});

t.test('other spellings of a role and of a binding are equivalent', async (t) => {
  const { rest } = target;
  const { user } = await person(t, target);
  const role = unique('role');
  const rules = [{ apiGroups: ['x'], resources: ['sessions'], verbs: ['get'], resourceNames: ['one'] }];
  const made = await rest.call('POST', '/roles', { id: role, rules });
  t.teardown(() => rest.call('DELETE', `/roles/${role}`));
  t.match(made, { status: 201, body: { name: role, rules: [{ api_groups: ['x'], resource_names: ['one'] }] } });
  const bound = await rest.call('POST', '/role-bindings', { role_ref: role, subject: user });
  t.match(bound, { status: 201, body: { role_name: role, role_ref: role, principal: user, subject: user } });
  const ours = await rest.call('POST', '/roles', { name: role, id: unique('another'), rules });
  t.match(ours, { status: 409 }, 'if both are sent, the name counts');
});

t.test('a service account is created, found by id and by name, listed, changed and removed', async (t) => {
  const { rest, url } = target;
  const user = unique('Ann');
  const made = await rest.call('POST', '/service-accounts', { user, pass: PASSWORD, description: 'x', space: 'default', unknown: 1 });
  const account = { user, space: null, description: 'x', active: true, last_login_at: null };
  t.match(made, { status: 201, body: account });
  const { id } = made.body as { id: string };
  const fields = ['active', 'created_at', 'description', 'id', 'last_login_at', 'space', 'updated_at', 'user'];
  t.same(Object.keys(made.body as object).sort(), fields, 'and no hash of the password');
  for (const called of [id, user]) t.same((await rest.call('GET', `/service-accounts/${called}`)).body, made.body);
  const listed = await rest.call('GET', '/service-accounts?limit=1');
  t.match(listed.body, [{ id }], 'newest first');
  t.ok(Number(listed.headers.get('x-total-count')) >= 2);

  t.match(await rest.call('PUT', `/service-accounts/${user}`, { description: null }), {
    status: 200,
    body: { description: null, active: true },
  });
  t.match(await rest.call('PUT', `/service-accounts/${id}`, { description: 'y', active: null }), {
    status: 200,
    body: { description: 'y' },
  });
  for (const nothing of [{}, null, { active: null }, { unknown: 1 }])
    t.match(await rest.call('PUT', `/service-accounts/${id}`, nothing), refusal(400, 'BAD_REQUEST'));
  t.match(await rest.call('PUT', `/service-accounts/${id}`, { active: 'no' }), refusal(422, 'UNPROCESSABLE_ENTITY'));

  await login(url, user);
  t.match(await rest.call('GET', `/service-accounts/${id}`), { body: { last_login_at: String } });
  t.equal((await rest.call('DELETE', `/service-accounts/${user}`)).status, 204);
  for (const [method, more, body] of [
    ['GET', '', undefined],
    ['PUT', '', { active: true }],
    ['DELETE', '', undefined],
    ['PUT', '/password', { new_password: 'long enough' }],
  ] as const)
    t.match(await rest.call(method, `/service-accounts/${id}${more}`, body), refusal(404, 'NOT_FOUND'), `${method} ${more}`);
});

t.test('an invalid account is refused', async (t) => {
  const { rest } = target;
  const { user } = await person(t, target);
  t.match(await rest.call('POST', '/service-accounts', { user, pass: LONG }), refusal(409, 'CONFLICT'));
  for (const [body, path] of [
    [{ user: 'x' }, 'pass'],
    [{ pass: LONG }, 'user'],
    [{ user: 'x', pass: 1 }, 'pass'],
    [{ user: 'x', pass: '' }, 'pass'],
    [{ user: 'x', pass: 'seven77' }, 'pass'],
    [{ user: 'x', pass: 'x'.repeat(1025) }, 'pass'],
    [{ user: 'no spaces', pass: LONG }, 'user'],
    [{ user: 'x'.repeat(64), pass: LONG }, 'user'],
    [{ user: 'x', pass: LONG, description: 1 }, 'description'],
  ] as const)
    t.match(
      await rest.call('POST', '/service-accounts', body),
      { status: 422, body: { error: { details: [{ path }] } } },
      JSON.stringify(body),
    );
  t.match(await rest.call('POST', '/service-accounts', { user: unique('x'), pass: LONG, space: unique('no') }), refusal(404, 'NOT_FOUND'));
});

t.test('accounts need permission', async (t) => {
  const nobody = (await person(t, target)).rest;
  const other = await person(t, target);
  const calls = [
    ['list', 'GET', '', undefined, 200],
    ['create', 'POST', '', { user: other.user, pass: LONG }, 409],
    ['get', 'GET', `/${other.id}`, undefined, 200],
    ['update', 'PUT', `/${other.id}`, { description: 'seen' }, 200],
    ['update', 'PUT', `/${other.id}/password`, { new_password: PASSWORD }, 200],
    ['delete', 'DELETE', `/${randomUUID()}`, undefined, 404],
  ] as const;
  for (const [verb, method, path, body, status] of calls) {
    t.match(await nobody.call(method, `/service-accounts${path}`, body), refusal(403, 'FORBIDDEN'), `${method} ${path} without`);
    const holder = await person(t, target, [await role(t, target, `service-accounts ${verb}`), null]);
    t.equal((await holder.rest.call(method, `/service-accounts${path}`, body)).status, status, `${method} ${path} with`);
    const local = await person(t, target, [await role(t, target, `service-accounts ${verb}`), 'default']);
    t.equal((await local.rest.call(method, `/service-accounts${path}`, body)).status, 403, 'accounts belong to no space');
  }
  t.match(
    await nobody.call('GET', `/service-accounts/${randomUUID()}`),
    refusal(403, 'FORBIDDEN'),
    'nor does it learn which accounts exist',
  );
});

t.test('a password is changed by its owner, or with permission by an account that has no fewer; older tokens are revoked', async (t) => {
  const { rest, url } = target;
  const ann = await person(t, target);
  const path = `/service-accounts/${ann.user}/password`;
  t.match(await ann.rest.call('PUT', path, { current_password: 'wrong', new_password: 'long enough' }), refusal(401, 'UNAUTHORIZED'));
  t.match(await ann.rest.call('PUT', path, { new_password: 'long enough' }), {
    status: 422,
    body: { error: { details: [{ path: 'current_password' }] } },
  });
  t.match(await ann.rest.call('PUT', path, { current_password: PASSWORD }), {
    status: 422,
    body: { error: { details: [{ path: 'new_password' }] } },
  });
  t.match(await ann.rest.call('PUT', path, { current_password: PASSWORD, new_password: 'the second one' }), {
    status: 200,
    body: { success: true },
  });
  t.match(await ann.rest.call('GET', '/auth/me'), refusal(401, 'UNAUTHORIZED'), 'an older token');
  t.match(await new Rest(url, '').call('POST', '/auth/login', { user: ann.user, pass: PASSWORD }), refusal(401, 'UNAUTHORIZED'));
  t.match(await new Rest(url, await login(url, ann.user, 'the second one')).call('GET', '/auth/me'), {
    status: 200,
    body: { user: ann.user, id: ann.id },
  });
  t.match(await rest.call('PUT', path, { new_password: PASSWORD }), { status: 200 }, 'an admin needs no current one');
  await login(url, ann.user);

  const helpdesk = await person(t, target, [await role(t, target, 'service-accounts update'), null]);
  t.match(await helpdesk.rest.call('PUT', path, { new_password: 'the third one' }), { status: 200 }, 'of somebody who holds nothing');
  const developer = await person(t, target, ['developer', 'default']);
  for (const user of ['admin', developer.user])
    t.match(
      await helpdesk.rest.call('PUT', `/service-accounts/${user}/password`, { new_password: 'mine from now' }),
      refusal(403, 'FORBIDDEN'),
      user,
    );
  await bind(t, rest, 'developer', helpdesk.user, null);
  t.match(await helpdesk.rest.call('PUT', `/service-accounts/${developer.user}/password`, { new_password: 'theirs from now' }), {
    status: 200,
  });
});

t.test('a deactivated account stops working at once, and its older tokens stay invalid', async (t) => {
  const { rest, url } = target;
  const ann = await person(t, target);
  const key = ((await ann.rest.call('POST', '/api-keys', { name: 'k' })).body as { key: string }).key;
  const byKey = new Rest(url, key);
  t.equal((await byKey.call('GET', '/auth/me')).status, 200);
  t.match(await rest.call('PUT', `/service-accounts/${ann.id}`, { active: false }), { status: 200, body: { active: false } });
  for (const one of [ann.rest, byKey]) t.match(await one.call('GET', '/auth/me'), refusal(401, 'UNAUTHORIZED'));
  t.match(await new Rest(url, '').call('POST', '/auth/login', { user: ann.user, pass: PASSWORD }), refusal(401, 'UNAUTHORIZED'));
  await rest.call('PUT', `/service-accounts/${ann.id}`, { active: true });
  t.equal((await ann.rest.call('GET', '/auth/me')).status, 401);
  t.equal((await byKey.call('GET', '/auth/me')).status, 200);
});

t.test('nobody can remove themselves, and the last admin stays', async (t) => {
  const { rest } = target;
  const admins = (
    (await rest.call('GET', '/role-bindings?limit=1000')).body as readonly { id: string; role_name: string; space: null | string }[]
  ).filter((one) => one.role_name === 'admin' && one.space === null);
  t.match(await rest.call('DELETE', '/service-accounts/admin'), refusal(409, 'CONFLICT'));
  t.match(await rest.call('PUT', '/service-accounts/admin', { active: false }), refusal(409, 'CONFLICT'));
  if (admins.length > 1) return t.comment('there is more than one admin here');
  const lesser = await person(t, target, [await role(t, target, 'service-accounts,role-bindings delete,update'), null]);
  for (const [method, body] of [
    ['DELETE', undefined],
    ['PUT', { active: false }],
    ['PUT', { description: 'x' }],
  ] as const)
    t.match(
      await lesser.rest.call(method, '/service-accounts/admin', body),
      refusal(403, 'FORBIDDEN', /more permissions than/),
      'by one who may less',
    );
  const holder = await person(t, target, [await role(t, target, '* *'), null]);
  t.match(await holder.rest.call('DELETE', '/service-accounts/admin'), refusal(409, 'CONFLICT', /last/));
  t.match(await holder.rest.call('PUT', '/service-accounts/admin', { active: false }), refusal(409, 'CONFLICT', /last/));
  t.match(await rest.call('DELETE', `/role-bindings/${admins[0]?.id}`), refusal(409, 'CONFLICT', /last/));
  const second = await person(t, target, ['admin', null]);
  t.match(await second.rest.call('PUT', `/service-accounts/${second.id}`, { active: false }), refusal(409, 'CONFLICT'), 'nor oneself');
  t.match(await rest.call('PUT', `/service-accounts/${second.id}`, { active: false }), { status: 200 });
  t.match(await rest.call('DELETE', `/role-bindings/${admins[0]?.id}`), refusal(409, 'CONFLICT', /last/), 'an inactive one does not count');
});

t.test('an account with a reused name inherits nothing', async (t) => {
  const { rest, url } = target;
  const ann = await person(t, target, ['viewer', null]);
  const { key } = (await ann.rest.call('POST', '/api-keys', { name: 'k' })).body as { key: string };
  t.equal((await ann.rest.call('GET', '/roles')).status, 200);
  t.equal((await rest.call('DELETE', `/service-accounts/${ann.id}`)).status, 204);
  const again = await rest.call('POST', '/service-accounts', { user: ann.user, pass: PASSWORD });
  t.teardown(() => rest.call('DELETE', `/service-accounts/${ann.user}`));
  t.not((again.body as { id: string }).id, ann.id);
  for (const old of [ann.token, key]) t.equal((await new Rest(url, old).call('GET', '/auth/me')).status, 401);
  const anew = new Rest(url, await login(url, ann.user));
  t.match(await anew.call('GET', '/auth/me'), { status: 200, body: { roles: [] } });
  t.equal((await anew.call('GET', '/roles')).status, 403);
  t.same((await anew.call('GET', '/api-keys')).body, []);
});
