import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { expect, type Rest } from '../cluster/rest.ts';
import { bind, space as newSpace, person, refusal, role, unique } from './people.ts';
import { openTarget, type Target } from './target.ts';

t.setTimeout(120_000);
let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

async function session(t: Test, rest: Rest, input: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const made = await rest.call('POST', '/sessions', input);
  t.match(made, { status: 201, body: { id: String } });
  const { id } = made.body as { id: string };
  t.teardown(() => target.rest.call('DELETE', `/sessions/${id}`));
  return id;
}

async function listed(rest: Rest, query: string): Promise<readonly [ids: readonly string[], total: string | null]> {
  const answer = await rest.call('GET', `/sessions?${query}`);
  if (answer.status !== 200) throw new Error(`${query}: ${answer.status}`);
  return [(answer.body as { id: string }[]).map(({ id }) => id), answer.headers.get('x-total-count')];
}

t.test('a session is renamed, and its metadata replaced; an empty change returns 400', async (t) => {
  const { rest } = target;
  const id = await session(t, rest, { name: 'one', metadata: { a: 1, b: 2 } });
  const put = (body: unknown) => rest.call('PUT', `/sessions/${id}`, body);
  t.match(await put({ name: 'two' }), { status: 200, body: { id, name: 'two', metadata: { a: 1, b: 2 } } });
  const replaced = await put({ metadata: { c: 3 }, name: null, space: 'ignored', state: 'error' });
  t.match(replaced, { status: 200, body: { name: 'two', space: 'default' } });
  t.same((replaced.body as { metadata: unknown }).metadata, { c: 3 });
  t.match((await rest.call('GET', `/sessions/${id}`)).body, { name: 'two', metadata: { c: 3 } });
  for (const body of [{}, undefined, null, { name: null }, { unknown: 1 }]) t.match(await put(body), refusal(400, 'BAD_REQUEST'));
  for (const body of [{ name: 1 }, { metadata: 'x' }, { metadata: [] }])
    t.match(await put(body), { status: 422, body: { error: { details: [{ path: Object.keys(body)[0] }] } } });
  for (const state of ['paused', 'suspended']) {
    await rest.call('PUT', `/sessions/${id}/state`, { state });
    t.match(await put({ name: state }), { status: 200, body: { state, name: state } });
  }
  t.match(await rest.call('PUT', `/sessions/${randomUUID()}`, { name: 'x' }), refusal(404, 'NOT_FOUND'));
});

t.test('a session can name a parent that its creator can see, and no other', async (t) => {
  const { rest } = target;
  const [here, there] = [await newSpace(t, target), await newSpace(t, target)];
  const ann = await person(t, target, ['developer', here]);
  const [mine, foreign] = [await session(t, ann.rest, { space: here }), await session(t, rest, { space: there })];
  const child = await session(t, ann.rest, { space: here, parent_session_id: mine });
  t.match(await ann.rest.session(child), { parent_session_id: mine });
  for (const parent_session_id of [foreign, randomUUID(), 'nonsense'])
    t.match(await ann.rest.call('POST', '/sessions', { space: here, parent_session_id }), refusal(404, 'NOT_FOUND'));
  t.match(await ann.rest.call('POST', '/sessions', { space: here, parent_session_id: 7 }), refusal(422, 'UNPROCESSABLE_ENTITY'));
  const free = await rest.call('POST', '/sessions', { space: here, parent_session_id: null });
  t.match(free, { status: 201, body: { parent_session_id: null } });
  await rest.call('DELETE', `/sessions/${(free.body as { id: string }).id}`);
});

t.test(
  'lists filter by space, state, creator and metadata, in pages of a total order, and show only what the caller can see',
  async (t) => {
    const { rest } = target;
    const [here, there] = [await newSpace(t, target), await newSpace(t, target)];
    const own = await role(t, target, 'sessions create');
    const [ann, bob] = [await person(t, target, ['developer', here]), await person(t, target, [own, here], ['viewer', there])];
    const first = await session(t, ann.rest, {
      space: here,
      metadata: { kind: 'a', flag: true, count: 3, 'odd "key"': 'x', deep: { x: 1 } },
    });
    const second = await session(t, bob.rest, { space: here, metadata: { kind: 'b', flag: 'true' } });
    const third = await session(t, rest, { space: there, metadata: { kind: 'a' } });
    await rest.call('PUT', `/sessions/${second}/state`, { state: 'suspended' });

    for (const by of ['space', 'workspace_name']) t.same(await listed(rest, `${by}=${here}`), [[second, first], '2'], by);
    t.same(await listed(rest, `space=${here}&order=asc&limit=1`), [[first], '2']);
    t.same(await listed(rest, `space=${here}&order=asc&limit=1&offset=1`), [[second], '2']);
    t.same(await listed(rest, `space=${here}&offset=5`), [[], '2']);
    for (const state of ['suspended', 'SUSPENDED', 'Suspended'])
      t.same(await listed(rest, `space=${here}&state=${state}`), [[second], '1'], state);
    t.same(await listed(rest, `space=${here}&created_by=${ann.user}`), [[first], '1']);
    for (const [query, found] of [
      ['metadata.kind=a', [first]],
      ['metadata.flag=true', [second, first]],
      ['metadata.count=3', [first]],
      [`metadata.${encodeURIComponent('odd "key"')}=x`, [first]],
      ['metadata.deep=x', []],
      ['metadata.kind=a&metadata.count=4', []],
      [`metadata.kind=${encodeURIComponent("a' or 1=1 --")}`, []],
      [`metadata.${encodeURIComponent('k"]\\')}=x`, []],
    ] as const)
      t.same(await listed(rest, `space=${here}&${query}`), [found, String(found.length)], query);

    t.same(await listed(ann.rest, ''), [[second, first], '2'], 'her space');
    t.same(await listed(bob.rest, ''), [[third, second], '2'], 'his own, and those of the space that he can read');
    t.same(await listed(bob.rest, 'order=asc&limit=1'), [[second], '2']);
    t.same(await listed(bob.rest, 'limit=1&offset=1'), [[second], '2']);
    t.same(await listed(bob.rest, `space=${here}`), [[second], '1'], 'in her space only his own');
    t.same(await listed(bob.rest, 'metadata.kind=a'), [[third], '1']);
    for (const unknown of [there, unique('none')])
      t.match(await ann.rest.call('GET', `/sessions?space=${unknown}`), refusal(404, 'NOT_FOUND'), 'a space without a role of hers');
    for (const query of ['state=asleep', 'limit=0', 'limit=1001', 'offset=-1', 'order=up', 'metadata.=x', 'state=idle&state=busy'])
      t.match(await rest.call('GET', `/sessions?${query}`), refusal(400, 'BAD_REQUEST'), query);
  },
);

t.test('lists filter by name and by id prefix, and show only what the caller can see', async (t) => {
  const { rest } = target;
  const [here, there] = [await newSpace(t, target), await newSpace(t, target)];
  const ann = await person(t, target, ['developer', here]);
  const name = unique('caf\u00e9');
  const first = await session(t, ann.rest, { space: here, name });
  const second = await session(t, rest, { space: there, name: name.normalize('NFD') });
  for (const spelled of [name, name.normalize('NFD')]) {
    t.same(await listed(rest, `name=${encodeURIComponent(spelled)}`), [[second, first], '2'], 'in any Unicode normal form');
    t.same(await listed(ann.rest, `name=${encodeURIComponent(spelled)}`), [[first], '1']);
  }
  t.same(await listed(rest, `name=${encodeURIComponent(name)}&space=${here}`), [[first], '1']);
  t.same(await listed(rest, `name=${encodeURIComponent(name.slice(0, -1))}`), [[], '0'], 'the whole name');
  for (const length of [8, 13, 36]) t.same(await listed(rest, `id_prefix=${first.slice(0, length)}`), [[first], '1']);
  t.same(await listed(rest, `id_prefix=${first.slice(0, 8).toUpperCase()}&name=${encodeURIComponent(name)}`), [[first], '1']);
  t.same(await listed(ann.rest, `id_prefix=${second}`), [[], '0'], 'none that she cannot see');
  const few = await listed(rest, `id_prefix=${first.slice(0, 1)}&limit=1000`);
  t.ok(few[0].includes(first));
  for (const bad of ['', 'x', 'a%25', '0'.repeat(37)])
    t.match(await rest.call('GET', `/sessions?id_prefix=${bad}`), refusal(400, 'BAD_REQUEST'), `"${bad}"`);
});

t.test('a caller’s own sessions are listed in a space while the caller has a role there', async (t) => {
  const { rest } = target;
  const here = await newSpace(t, target);
  const ann = await person(t, target);
  const path = `/sessions?space=${here}`;
  t.match(await ann.rest.call('GET', path), refusal(404, 'NOT_FOUND'));
  const binding = await bind(t, rest, 'developer', ann.user, here);
  const own = await session(t, ann.rest, { space: here });
  await session(t, rest, { space: here });
  const weak = await bind(t, rest, await role(t, target, 'builds get'), ann.user, here);
  expect(await rest.call('DELETE', `/role-bindings/${binding}`), 204, 'take the role away');
  t.same(await listed(ann.rest, `space=${here}`), [[own], '1']);
  t.same(await listed(ann.rest, `space=${here}&metadata.kind=none`), [[], '0'], 'and is there for every filter');
  t.same(await listed(ann.rest, ''), [[own], '1']);
  expect(await rest.call('DELETE', `/role-bindings/${weak}`), 204, 'take the last one away');
  t.match(await ann.rest.call('GET', path), refusal(404, 'NOT_FOUND'));
  t.same(await listed(ann.rest, ''), [[], '0']);
});

t.test('a remix into another space needs permission in both, and keeps the bounds of the new one', async (t) => {
  const { rest } = target;
  const [here, there] = [await newSpace(t, target), await newSpace(t, target)];
  const parent = await session(t, rest, { space: here });
  const remix = async (by: Rest, body: unknown) => {
    const answer = await by.call('POST', `/sessions/${parent}/remix`, body);
    if (answer.status === 201) t.teardown(() => rest.call('DELETE', `/sessions/${(answer.body as { id: string }).id}`));
    return answer;
  };
  const inside = await person(t, target, ['developer', here]);
  // A viewer can read sessions over REST, but not their files.
  const viewer = await person(t, target, ['viewer', here], ['developer', there]);
  for (const taken of [{}, { data: false, messages: true }])
    t.match(await remix(viewer.rest, { space: there, ...taken }), refusal(403, 'FORBIDDEN', /sessions:update/), JSON.stringify(taken));
  t.match(await remix(viewer.rest, { space: there, data: false }), {
    status: 201,
    body: { space: there, created_by: viewer.user, parent_session_id: parent },
  });
  t.match(await remix(viewer.rest, { data: false }), refusal(403, 'FORBIDDEN', /sessions:create/), 'not into the parent’s own');
  const editor = await person(t, target, [await role(t, target, 'sessions get,list,create,update'), here], ['developer', there]);
  t.match(await remix(editor.rest, {}), { status: 201, body: { space: here } });
  t.match(await remix(editor.rest, { space: there }), refusal(403, 'FORBIDDEN', /sessions:files/), 'files do not leave the space');
  t.match(await remix(editor.rest, { space: there, data: false, messages: true }), { status: 201, body: { space: there } });
  const both = await person(t, target, ['developer', here], ['developer', there]);
  const watching = await inside.rest.watch(`/sessions/${parent}/events`);
  t.teardown(() => watching.close());
  const copy = await remix(both.rest, { space: there });
  t.match(copy, { status: 201, body: { space: there, created_by: both.user, parent_session_id: parent } });
  const { data } = await watching.until('the parent tells of its copy', ({ type }) => type === 'session.remixed');
  const taken = { session_id: (copy.body as { id: string }).id, created_by: both.user, data: true, messages: false, left_space: true };
  t.match(data, { remix: taken });
  t.notMatch(JSON.stringify(data), there, 'but not where it went');
  const reader = await person(t, target, ['viewer', here], ['viewer', there]);
  t.match(await remix(reader.rest, { space: there, data: false }), refusal(403, 'FORBIDDEN', /sessions:create/));
  const stranger = await person(t, target, ['developer', there]);
  t.match(await remix(stranger.rest, { space: there }), refusal(404, 'NOT_FOUND'), 'a parent that the caller cannot see does not exist');
  for (const space of [there, unique('none')]) t.match(await remix(inside.rest, { space }), refusal(404, 'NOT_FOUND'), 'nor is its space');
  t.match(await remix(inside.rest, { name: 'here' }), { status: 201, body: { space: here, name: 'here', created_by: inside.user } });
  await rest.call('PUT', `/spaces/${there}`, { active: false });
  t.match(await remix(both.rest, { space: there }), refusal(409, 'CONFLICT', /is inactive/));
});

t.test('messages are filtered by role and time, counted and cleared', async (t) => {
  const { rest } = target;
  const id = await session(t, rest);
  const path = `/sessions/${id}/messages`;
  await rest.say(id, 'one');
  const note = await rest.call('POST', path, { content: 'a note', role: 'system' });
  t.match(note, { status: 201, body: { seq: 3, role: 'system', content: 'a note', metadata: {}, created_by: 'admin' } });
  const { created_at } = note.body as { created_at: string };
  await rest.say(id, 'two');
  const seqs = async (query: string) => {
    const answer = await rest.call('GET', `${path}?${query}`);
    return [(answer.body as { seq: number }[]).map(({ seq }) => seq), answer.headers.get('x-total-count')];
  };
  t.same(await seqs(''), [[1, 2, 3, 4, 5], '5']);
  t.same(await seqs('order=desc&limit=2&offset=1'), [[4, 3], '5']);
  t.same(await seqs('role=user'), [[1, 4], '2']);
  t.same(await seqs('role=SYSTEM'), [[3], '1']);
  t.same(await seqs('since=3'), [[4, 5], '2']);
  t.same(await seqs(`since=${encodeURIComponent(created_at)}`), [[4, 5], '2']);
  t.same(await seqs('since=3&role=agent'), [[5], '1']);
  for (const query of ['role=nobody', 'since=soon', 'since=-1', 'limit=x'])
    t.match(await rest.call('GET', `${path}?${query}`), refusal(400, 'BAD_REQUEST'), query);
  for (const body of [{}, { content: '' }, { content: 1 }, { content: 'x', role: 'agent' }, { content: 'x', wake: 'no' }])
    t.match(await rest.call('POST', path, body), refusal(422, 'UNPROCESSABLE_ENTITY'));
  const headers = { 'idempotency-key': randomUUID() };
  const once = () => rest.send('POST', path, '{"content":"once","role":"system"}', 'application/json', { headers });
  const [kept, again] = [await once(), await once()];
  t.same([again.status, again.body], [201, kept.body]);
  t.match(await rest.call('GET', `${path}/count`), { status: 200, body: { count: 6, session_id: id } });
  t.equal((await rest.call('DELETE', path)).status, 204);
  t.match(await rest.call('GET', `${path}/count`), { body: { count: 0 } });
  t.match(await rest.call('POST', path, { content: 'three' }), { status: 201, body: { seq: 7 } }, 'numbers go on');
});
