import { randomUUID } from 'node:crypto';
import t from 'tap';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

t.test('orphans on a node are listed, adopted or removed, and otherwise stay', async (t) => {
  const { rest, orphans } = target;
  if (orphans === undefined) return t.comment('only on a node whose past is the test’s own');
  const path = '/nodes/hollow/orphans';
  const left = async () => (await rest.call('GET', path)).body as readonly { session_id: string }[];

  const listed = await rest.call('GET', path);
  t.equal(listed.status, 200);
  t.equal(listed.headers.get('x-total-count'), '3');
  const running = (await left()).find(({ session_id }) => session_id === orphans.running);
  const image = 'raworc/session:contract';
  t.match(running, { generation: 7, container_id: /^[0-9a-f]{32}$/, persistent_volume_id: String, space: 'default', image });

  const adopted = await rest.call('POST', `${path}/${orphans.running}/adopt`);
  const container = (running as { container_id?: string } | undefined)?.container_id;
  t.match(adopted, {
    status: 201,
    body: { id: orphans.running, space: 'default', created_by: 'admin', node: 'hollow', container_id: container },
  });
  const posted = await rest.call('POST', `/sessions/${orphans.running}/messages?wait=30s`, { content: 'still there?' });
  t.match(posted, { status: 201, body: { reply: { metadata: { reason: 'no_agent' } } } });
  const up = await rest.call('POST', `/sessions/${orphans.running}/resume?wait=30s`);
  t.match(up.body, { state: 'idle', container_id: container }, 'the same container runs on');

  t.match(await rest.call('POST', `${path}/${orphans.volume}/adopt`), { status: 201, body: { state: 'suspended', container_id: null } });
  t.match(await rest.call('POST', `/sessions/${orphans.volume}/resume?wait=30s`), { status: 200, body: { state: 'idle' } });

  t.equal((await rest.call('DELETE', `${path}/${orphans.unwanted}`)).status, 204);
  t.same(await left(), []);
  t.match(await rest.call('GET', `/sessions/${orphans.unwanted}`), { status: 404 });

  for (const [method, more] of [
    ['POST', '/adopt'],
    ['DELETE', ''],
  ] as const) {
    t.match(await rest.call(method, `${path}/${orphans.running}${more}`), { status: 404 }, 'a session is no orphan');
    t.match(await rest.call(method, `${path}/${randomUUID()}${more}`), { status: 404 });
    t.match(await rest.call(method, `/nodes/nowhere/orphans/${orphans.running}${more}`), { status: 404 });
  }
});

t.test('a ready node cannot be declared lost; a disconnected one can, and its sessions fail', async (t) => {
  const { rest, hollow } = target;
  if (!hollow) return t.comment('only for a node of the test’s own');
  t.match(await rest.call('POST', '/nodes/hollow/lost'), { status: 409, body: { error: { code: 'CONFLICT' } } });
  t.match(await rest.call('POST', '/nodes/nowhere/lost'), { status: 404 });
  const session = await rest.createSession();
  const watching = await rest.watch('/events');
  t.teardown(() => watching.close());
  await target.endNode();
  await watching.until('the node is missed', ({ type }) => type === 'node.unreachable');
  t.match(await rest.call('GET', '/nodes/hollow/orphans'), { status: 503, body: { error: { code: 'UNAVAILABLE' } } });
  t.match(await rest.call('GET', '/nodes/hollow'), { body: { status: 'unreachable', unreachable_since: String, lost_at: null } });
  t.match(await rest.session(session.id), { state: 'idle' }, 'its sessions keep their state');

  t.match(await rest.call('POST', '/nodes/hollow/lost'), {
    status: 200,
    body: { status: 'lost', lost_at: String, conditions: [{ type: 'Lost' }] },
  });
  t.match(await rest.session(session.id), { state: 'error', termination_reason: /^host lost/ });
  t.match(await rest.call('PUT', `/sessions/${session.id}/state`, { state: 'init' }), {
    status: 409,
    body: { error: { message: /is lost/ } },
  });
  t.equal((await rest.call('POST', '/nodes/hollow/lost')).status, 200, 'once more changes nothing');
  t.equal((await rest.call('DELETE', `/sessions/${session.id}`)).status, 204, 'deleting waits for no node');
});
