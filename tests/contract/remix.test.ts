import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type Answer, Rest } from '../cluster/rest.ts';
import { sessionShape } from '../cluster/shapes.ts';
import { openTarget, type Target } from './target.ts';

let target: Target;
const made: string[] = [];
t.before(async () => {
  target = await openTarget(t);
  t.teardown(async () => {
    for (const id of made) await target.rest.call('DELETE', `/sessions/${id}`);
  });
});

async function session(input: Readonly<Record<string, unknown>> = {}) {
  const created = await target.rest.createSession(input);
  made.push(created.id);
  return created;
}

async function remix(id: string, body?: unknown, wait = '?wait=60s'): Promise<Answer> {
  const answer = await target.rest.call('POST', `/sessions/${id}/remix${wait}`, body);
  if (answer.status === 201) made.push(sessionShape.parse(answer.body).id);
  return answer;
}

const idOf = (answer: Answer) => sessionShape.parse(answer.body).id;

t.test('a remix is a running session that names its parent', async (t) => {
  const parent = await session({ name: 'the parent', metadata: { colour: 'red' }, timeouts: { ttl_s: 3600 } });
  const answer = await remix(parent.id);
  t.match(answer, {
    status: 201,
    body: {
      ...{ name: null, space: 'default', state: 'idle', running: true, created_by: 'admin', parent_session_id: parent.id },
      ...{ metadata: { colour: 'red' }, timeouts: { ttl_s: 3600 }, persistent_volume_id: String, container_id: String },
    },
  });
  const copy = sessionShape.parse(answer.body);
  t.not(copy.id, parent.id);
  t.not(copy.persistent_volume_id, parent.persistent_volume_id);
  t.not(copy.container_id, parent.container_id);
  t.match(await target.rest.session(parent.id), { state: 'idle', container_id: parent.container_id, parent_session_id: null });
  t.match((await remix(parent.id, { name: 'a copy', metadata: { colour: 'blue' }, data: false })).body, {
    ...{ name: 'a copy', metadata: { colour: 'blue' }, state: 'idle', parent_session_id: parent.id },
  });
});

t.test('a parent in any state can be remixed, and does not change', async (t) => {
  for (const state of ['paused', 'suspended'] as const) {
    const parent = await session();
    await target.rest.call('PUT', `/sessions/${parent.id}/state`, { state });
    const copy = await remix(parent.id);
    t.match(copy, { status: 201, body: { state: 'idle', running: true, parent_session_id: parent.id } }, state);
    t.match(await target.rest.session(parent.id), { state, running: false }, state);
    const second = await remix(idOf(copy), {}, '');
    t.match(second, { status: 201, body: { parent_session_id: idOf(copy) } }, 'a copy of a copy');
  }
});

t.test('a remix of a session that was just created comes up even if its parent is deleted at once', async (t) => {
  const parent = await target.rest.call('POST', '/sessions', {});
  const first = await remix(idOf(parent), {}, '');
  t.equal(first.status, 201);
  const second = await remix(idOf(first), {}, '');
  t.equal(second.status, 201);
  t.equal((await target.rest.call('DELETE', `/sessions/${idOf(parent)}`)).status, 204);
  for (const copy of [first, second])
    t.match(await target.rest.call('POST', `/sessions/${idOf(copy)}/resume?wait=60s`), { status: 200, body: { state: 'idle' } });
  const old = await session();
  const third = await remix(old.id, {}, '');
  t.equal((await target.rest.call('DELETE', `/sessions/${old.id}`)).status, 204);
  t.match(await target.rest.call('POST', `/sessions/${idOf(third)}/resume?wait=60s`), { status: 200, body: { state: 'idle' } });
});

t.test('messages=true copies the answered conversation, under new ids', async (t) => {
  const { rest } = target;
  const parent = await session();
  await rest.say(parent.id, 'one');
  await rest.call('POST', `/sessions/${parent.id}/messages`, { content: 'a note', role: 'system' });
  await rest.say(parent.id, 'two');
  const copy = idOf(await remix(parent.id, { messages: true }));
  const before = await rest.messages(parent.id);
  const after = await rest.messages(copy);
  t.same(
    after.map(({ seq, role, content }) => ({ seq, role, content })),
    before.map(({ seq, role, content }) => ({ seq, role, content })),
  );
  t.match(await rest.call('GET', `/sessions/${copy}/messages/count`), { body: { count: 5, session_id: copy } });
  const ids = new Set(before.map(({ id }) => id));
  for (const message of after) {
    t.match(message, { session_id: copy });
    t.notOk(ids.has(message.id), 'a new id');
    if (message.role === 'agent') t.equal(after.find(({ id }) => id === message.metadata.in_reply_to)?.role, 'user', 'and its question');
  }
  const { reply } = await rest.say(copy, 'three');
  t.equal(reply?.role, 'agent', 'and the conversation goes on');
  t.equal((await rest.messages(copy)).length, 7);
  t.equal((await rest.messages(parent.id)).length, 5, 'without effect on the parent');
  t.match(
    await rest.call('GET', `/sessions/${idOf(await remix(parent.id))}/messages/count`),
    { body: { count: 0 } },
    'by default it is not',
  );
});

t.test('the same Idempotency-Key returns the same copy', async (t) => {
  const parent = await session();
  const headers = { 'idempotency-key': randomUUID() };
  const ask = (body: object) =>
    target.rest.send('POST', `/sessions/${parent.id}/remix`, JSON.stringify(body), 'application/json', { headers });
  const first = await ask({ name: 'once' });
  made.push(idOf(first));
  t.match(await ask({ name: 'once' }), { status: 201, body: { id: idOf(first) } });
  t.match(await ask({ name: 'twice' }), { status: 422, body: { error: { code: 'UNPROCESSABLE_ENTITY' } } });
  const rules = [{ resources: ['nodes'], verbs: ['list'] }];
  const narrow = (await target.rest.call('POST', '/api-keys', { name: 'narrow', rules })).body as { id: string; key: string };
  t.teardown(() => target.rest.call('DELETE', `/api-keys/${narrow.id}`));
  const repeat = () =>
    new Rest(target.url, narrow.key).send('POST', `/sessions/${parent.id}/remix`, '{"name":"once"}', 'application/json', { headers });
  t.match(await repeat(), { status: 404 }, 'but not for a key that cannot see it');
  await target.rest.call('DELETE', `/sessions/${parent.id}`);
  t.match(await ask({ name: 'once' }), { status: 201, body: { id: idOf(first) } }, 'even if the parent is deleted');
  t.match(await repeat(), { status: 404 });
});

t.test('sessions that cannot be remixed, and invalid requests, are refused', async (t) => {
  const parent = await session();
  for (const id of [randomUUID(), 'nonsense']) t.match(await remix(id, {}), { status: 404, body: { error: { code: 'NOT_FOUND' } } });
  t.match(await remix(parent.id, { space: `none-${randomUUID().slice(0, 8)}` }), { status: 404 });
  for (const body of [{ data: 'yes' }, { messages: 1 }, { name: 7 }, { metadata: [] }, { space: 'no/name' }])
    t.match(await remix(parent.id, body), { status: 422, body: { error: { details: [{ path: Object.keys(body)[0] }] } } });
  t.match(await remix(parent.id, {}, '?wait=soon'), { status: 400 });
  t.equal((await target.rest.call('DELETE', `/sessions/${parent.id}`)).status, 204);
  t.match(await remix(parent.id, {}), { status: 404 });
});

t.test('the volume is on a lost node: 409; without data, 503 while there is no other node', async (t) => {
  const { rest, hollow } = target;
  if (!hollow) return t.comment('only with a node that can be switched off');
  const parent = await session();
  const watching = await rest.watch('/events');
  t.teardown(() => watching.close());
  await target.endNode();
  await watching.until('the node is missed', ({ type }) => type === 'node.unreachable');
  t.match(await remix(parent.id, {}, ''), { status: 503, body: { error: { code: 'UNAVAILABLE', message: /hollow is not connected/ } } });
  await rest.call('POST', '/nodes/hollow/lost');
  t.match(await remix(parent.id, {}, ''), { status: 409, body: { error: { code: 'CONFLICT', message: /hollow is lost/ } } });
  t.match(await remix(parent.id, { data: false }, ''), { status: 503 });
});
