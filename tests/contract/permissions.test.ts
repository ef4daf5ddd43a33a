import { randomUUID } from 'node:crypto';
import t from 'tap';
import { bind, person, refusal, role, space, unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);
let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

const BUILT_IN = ['admin', 'operator', 'developer', 'viewer'];

t.test('a role is created, found by id and by name, listed, and removed with its bindings; built-in roles stay', async (t) => {
  const { rest } = target;
  const name = unique('Role');
  const rules = [
    { apiGroups: ['api'], resources: ['session_messages', 'space-secrets'], verbs: ['read', 'list'] },
    { resources: ['*'], verbs: ['*'], resource_names: ['x'] },
  ];
  const made = await rest.call('POST', '/roles', { name, rules, description: 'x' });
  t.match(made, { status: 201, body: { id: String, name, description: 'x', created_at: String } });
  t.same((made.body as { rules: unknown }).rules, [
    { api_groups: ['api'], resources: ['session_messages', 'space-secrets'], verbs: ['read', 'list'] },
    { api_groups: ['*'], resources: ['*'], verbs: ['*'], resource_names: ['x'] },
  ]);
  const { id } = made.body as { id: string };
  for (const called of [id, name]) t.same((await rest.call('GET', `/roles/${called}`)).body, made.body);
  t.match((await rest.call('GET', '/roles?limit=1')).body, [{ id }]);
  t.match(await rest.call('POST', '/roles', { name, rules }), refusal(409, 'CONFLICT'));

  const ann = await person(t, target, [name, null]);
  t.match(await ann.rest.call('GET', '/auth/me'), {
    body: { user: ann.user, id: ann.id, type: 'ServiceAccount', namespace: null, roles: [name] },
  });
  const bindings = async () => (await rest.call('GET', '/role-bindings?limit=1000')).body as readonly { principal: string }[];
  t.ok((await bindings()).some(({ principal }) => principal === ann.user));
  t.equal((await rest.call('DELETE', `/roles/${name}`)).status, 204);
  t.notOk((await bindings()).some(({ principal }) => principal === ann.user));
  t.match(await ann.rest.call('GET', '/auth/me'), { body: { roles: [] } });
  for (const method of ['GET', 'DELETE']) t.match(await rest.call(method, `/roles/${id}`), refusal(404, 'NOT_FOUND'));
  for (const one of BUILT_IN) {
    t.match(await rest.call('GET', `/roles/${one}`), { status: 200, body: { name: one } });
    t.match(await rest.call('DELETE', `/roles/${one}`), refusal(409, 'CONFLICT', /built in/));
  }
});

t.test('an invalid role is refused', async (t) => {
  const rule = { resources: ['sessions'], verbs: ['get'] };
  for (const [body, path] of [
    [{ rules: [] }, 'name'],
    [{ name: 'x' }, 'rules'],
    [{ name: 'no spaces', rules: [] }, 'name'],
    [{ name: 'x', rules: [{ ...rule, resources: ['cats'] }] }, 'rules.0.resources.0'],
    [{ name: 'x', rules: [rule, { ...rule, verbs: ['fly'] }] }, 'rules.1.verbs.0'],
    [{ name: 'x', rules: [{ verbs: ['get'] }] }, 'rules.0.resources'],
    [{ name: 'x', rules: [{ ...rule, resource_names: [] }] }, 'rules.0.resource_names'],
    [{ name: 'x', rules: ['all'] }, 'rules.0'],
  ] as const)
    t.match(
      await target.rest.call('POST', '/roles', body),
      { status: 422, body: { error: { details: [{ path }] } } },
      JSON.stringify(body),
    );
});

t.test('a role is bound once, in a space or in all spaces', async (t) => {
  const { rest } = target;
  const here = await space(t, target);
  const ann = await person(t, target);
  const made = await rest.call('POST', '/role-bindings', { role_ref: 'viewer', subject: ann.user, space: here });
  const binding = {
    role_name: 'viewer',
    role_ref: 'viewer',
    principal: ann.user,
    subject: ann.user,
    principal_type: 'ServiceAccount',
    space: here,
  };
  t.match(made, { status: 201, body: { ...binding, id: String, created_at: String, updated_at: String } });
  const { id } = made.body as { id: string };
  t.same((await rest.call('GET', `/role-bindings/${id}`)).body, made.body);
  t.same((await rest.call('GET', `/role-bindings?space=${here}`)).body, [made.body]);
  const same = { role_name: 'viewer', principal: ann.user };
  t.match(await rest.call('POST', '/role-bindings', { ...same, space: here }), refusal(409, 'CONFLICT'));
  t.match(
    await rest.call('POST', '/role-bindings', same),
    { status: 201, body: { space: null } },
    'a binding in all spaces is another one',
  );
  const outside = await rest.call('POST', '/role-bindings', {
    role_name: 'viewer',
    principal: 'ann@example.org',
    principal_type: 'User',
    space: here,
  });
  t.match(
    outside,
    { status: 201, body: { principal_type: 'User', principal: 'ann@example.org' } },
    'an identity from outside needs no account',
  );
  t.equal((await rest.call('DELETE', `/role-bindings/${id}`)).status, 204);
  for (const method of ['GET', 'DELETE']) t.match(await rest.call(method, `/role-bindings/${id}`), refusal(404, 'NOT_FOUND'));

  for (const [body, status] of [
    [{ ...same, role_name: unique('no') }, 404],
    [{ ...same, principal: unique('no') }, 404],
    [{ ...same, space: unique('no') }, 404],
    [{ principal: ann.user }, 422],
    [{ role_name: 'viewer' }, 422],
    [{ ...same, principal_type: 'Group' }, 422],
  ] as const)
    t.equal((await rest.call('POST', '/role-bindings', body)).status, status, JSON.stringify(body));
});

t.test('an Idempotency-Key creates one role and one binding', async (t) => {
  const { rest } = target;
  const ann = await person(t, target);
  const name = unique('role');
  const role = { name, rules: [{ resources: ['events'], verbs: ['get'] }] };
  t.teardown(() => rest.call('DELETE', `/roles/${name}`));
  for (const [path, body] of [
    ['/roles', role],
    ['/role-bindings', { role_name: name, principal: ann.user }],
  ] as const) {
    const headers = { 'idempotency-key': randomUUID() };
    const post = (sent: object) => rest.send('POST', path, JSON.stringify(sent), 'application/json', { headers });
    const [first, second] = [await post(body), await post(body)];
    t.match(first, { status: 201 });
    t.same([second.status, second.body], [201, first.body]);
    t.match(await post({ ...body, description: 'other', space: 'default' }), refusal(422, 'UNPROCESSABLE_ENTITY'));
  }
});

t.test('permissions apply in their space; other spaces do not exist for the caller', async (t) => {
  const [here, there] = [await space(t, target), await space(t, target)];
  const reader = await person(t, target, [await role(t, target, 'role-bindings list,get,delete'), here]);
  const other = await person(t, target);
  const [near, far] = [await bind(t, target.rest, 'developer', other.user, here), await bind(t, target.rest, 'viewer', other.user, there)];
  t.equal((await reader.rest.call('GET', `/role-bindings/${near}`)).status, 200);
  t.match(await reader.rest.call('GET', `/role-bindings/${far}`), refusal(404, 'NOT_FOUND'));
  t.match(await reader.rest.call('DELETE', `/role-bindings/${far}`), refusal(404, 'NOT_FOUND'));
  t.match((await reader.rest.call('GET', `/role-bindings?space=${here}`)).body, [{ id: near }, { principal: reader.user }]);
  t.match(await reader.rest.call('GET', `/role-bindings?space=${there}`), refusal(404, 'NOT_FOUND'));
  t.match(await reader.rest.call('GET', '/role-bindings'), refusal(403, 'FORBIDDEN'));
  t.match(
    await reader.rest.call('POST', '/role-bindings', { role_name: 'viewer', principal: other.user, space: there }),
    refusal(404, 'NOT_FOUND'),
  );
  t.match(
    await reader.rest.call('POST', '/role-bindings', { role_name: 'viewer', principal: other.user, space: here }),
    refusal(403, 'FORBIDDEN'),
  );
  t.match(
    await other.rest.call('GET', `/role-bindings/${near}`),
    refusal(403, 'FORBIDDEN'),
    'it has a role there, but not this permission',
  );
  t.equal((await reader.rest.call('DELETE', `/role-bindings/${near}`)).status, 204);
  t.match(await other.rest.call('GET', `/spaces/${here}/agents`), refusal(404, 'NOT_FOUND'), 'at once');
  for (const [method, path, body] of [
    ['GET', '/roles', undefined],
    ['POST', '/roles', { name: unique('x'), rules: [] }],
    ['GET', '/roles/viewer', undefined],
    ['DELETE', '/roles/viewer', undefined],
  ] as const)
    t.match(await reader.rest.call(method, path, body), refusal(403, 'FORBIDDEN'), `${method} ${path}`);
});

t.test('nobody can grant more than they have', async (t) => {
  const [here, there] = [await space(t, target), await space(t, target)];
  const binder = await role(t, target, 'role-bindings create', 'sessions list,get');
  const reads = await role(t, target, 'sessions read');
  const wider = await role(t, target, 'sessions get,update');
  const all = await role(t, target, 'sessions *');
  const named = await role(t, target, 'sessions get,list only-this');
  const ann = await person(t, target, [binder, here]);
  const bob = await person(t, target);
  const give = (role_name: string, where?: string) =>
    ann.rest.call('POST', '/role-bindings', { role_name, principal: bob.user, space: where });
  for (const role_name of [reads, named]) t.equal((await give(role_name, here)).status, 201, 'a part of it');
  for (const role_name of [wider, all, 'viewer', 'admin'])
    t.match(await give(role_name, here), refusal(403, 'FORBIDDEN', /permissions that you do not have/), role_name);
  t.match(await give(reads, there), refusal(404, 'NOT_FOUND'), 'another space');
  t.match(await give(reads), refusal(403, 'FORBIDDEN'), 'every space');
  await bind(t, target.rest, wider, ann.user, null);
  t.equal((await give(wider, here)).status, 201, 'once it is held');
});
