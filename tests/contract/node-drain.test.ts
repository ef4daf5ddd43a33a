import t from 'tap';
import { openTarget, type Target } from './target.ts';

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

t.test('labels of a node are replaced as a whole, and only valid ones', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const put = (body: object) => rest.call('PUT', '/nodes/hollow', body);
  t.match(await rest.call('GET', '/nodes/hollow'), { body: { labels: {}, schedulable: true, cordoned_at: null, drain: null } });
  t.match(await put({ labels: { zone: 'a', 'example.com/disk': 'nvme' } }), {
    status: 200,
    body: { labels: { zone: 'a', 'example.com/disk': 'nvme' } },
  });
  t.same(((await put({ labels: { gpu: '' } })).body as { labels: object }).labels, { gpu: '' });
  t.match(await put({}), { status: 400, body: { error: { code: 'BAD_REQUEST' } } });
  for (const labels of [{ '-': 'a' }, { a: ' ' }, { a: 1 }, { [`a${'b'.repeat(63)}`]: '' }, 'a', many(65)])
    t.match(await put({ labels }), { status: 422 }, JSON.stringify(labels).slice(0, 40));
  const key = 'must have 1 to 63 of A-Z a-z 0-9 _ . / - and begin and end with a letter or digit';
  t.match(await put({ labels: { 'two words': 'a' } }), { body: { error: { details: [{ path: 'labels.two words', problem: key }] } } });
  t.match(await put({ labels: 'a' }), { body: { error: { details: [{ path: 'labels', problem: 'must be an object' }] } } });
  t.match(await put({ labels: many(64) }), { status: 200 });
  t.match(await put({ labels: {} }), { status: 200, body: { labels: {} } });
});

t.test('labels are changed one by one, and of two changes at once none is lost', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const patch = (body: object) => rest.call('PATCH', '/nodes/hollow', body);
  const labels = async () => ((await rest.call('GET', '/nodes/hollow')).body as { labels: object }).labels;
  const all = await Promise.all(Object.entries(many(40)).map(([key, value]) => patch({ labels: { [key]: value, gone: null } })));
  t.ok(all.every(({ status }) => status === 200));
  t.same(await labels(), many(40));
  t.match(await patch({ labels: { 'key-0': 'y', 'key-1': null }, schedulable: false }), { status: 200, body: { schedulable: false } });
  const { 'key-1': _, ...others } = many(40);
  t.same(await labels(), { ...others, 'key-0': 'y' });
  t.match(await patch({ schedulable: true }), { status: 200, body: { schedulable: true } });
  t.match(await patch({}), { status: 400 });
  for (const wrong of [{ '-': 'a' }, { '-': null }, { a: ' ' }, { a: 1 }, 'a']) t.match(await patch({ labels: wrong }), { status: 422 });
  const [full, more] = [many(65), { 'more-1': 'x' }];
  t.match(await patch({ labels: full }), { status: 409, body: { error: { code: 'CONFLICT', message: /65 labels, and at most 64/ } } });
  t.match(await patch({ labels: many(64) }), { status: 200 });
  t.match(await patch({ labels: more }), { status: 409 });
  t.match(await patch({ labels: { ...more, 'key-2': null } }), { status: 200 });
  t.match(await rest.call('PUT', '/nodes/hollow', { labels: {} }), { status: 200, body: { labels: {} } });
});

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`key-${at}`, 'x']));

t.test('a cordoned node gets no new session, and wakes those that it has', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const { id } = await rest.createSession();
  t.match(await rest.call('POST', '/nodes/hollow/cordon'), {
    status: 200,
    body: { schedulable: false, cordoned_at: String, drain: null, conditions: [{ type: 'Cordoned', since: String }] },
  });
  t.match(await rest.call('POST', '/sessions', {}), {
    status: 503,
    body: { error: { message: /hollow is cordoned/, details: { nodes: [{ node: 'hollow', filter: 'cordon', reason: 'is cordoned' }] } } },
  });
  t.match(await rest.call('POST', `/sessions/${id}/suspend?force=true`), { status: 200 });
  t.match(await rest.call('POST', `/sessions/${id}/resume?wait=30s`), { status: 200, body: { state: 'idle', waiting_reason: null } });
  t.match(await rest.call('PUT', '/nodes/hollow', { schedulable: true }), { status: 200, body: { schedulable: true, cordoned_at: null } });
  t.match(await rest.call('POST', '/sessions', {}), { status: 201 });
});

t.test('a drained node runs nothing and keeps everything; what waits is answered after uncordon, once', async (t) => {
  const { rest } = target;
  if (!target.hollow) return t.comment('only on a node of the test’s own');
  const [idle, paused, asleep] = [await rest.createSession(), await rest.createSession(), await rest.createSession()];
  await rest.call('POST', `/sessions/${paused.id}/pause`);
  await rest.call('POST', `/sessions/${asleep.id}/suspend?force=true`);
  const events = await rest.watch('/events');
  t.teardown(() => events.close());
  t.match(await rest.call('GET', '/nodes/hollow/drain'), { status: 404 });
  t.match(await rest.call('POST', '/nodes/hollow/drain', { deadline_s: 600 }), {
    status: 200,
    body: { schedulable: false, drain: { status: 'draining', on_deadline: 'suspend', drained_at: null, sessions_left: Number } },
  });
  await events.until('the node is drained', ({ type }) => type === 'node.drained');
  t.match(await rest.call('GET', '/nodes/hollow/drain'), {
    status: 200,
    body: { status: 'drained', drained_at: String, sessions_left: 0, sessions_by_state: {} },
  });
  t.match((await rest.call('GET', '/nodes/hollow')).body, { sessions: 0, conditions: [{ type: 'Drained' }] });
  for (const { id } of [idle, paused, asleep])
    t.match(await rest.session(id), { state: 'suspended', settled: true, waiting_reason: /hollow is being drained/ });

  const posted = await rest.call('POST', `/sessions/${idle.id}/messages`, { content: 'for later' });
  t.match(posted, { status: 201 });
  t.match(await rest.call('POST', `/sessions/${asleep.id}/messages`, { content: 'quietly', wake: false }), { status: 201 });
  t.match(await rest.session(idle.id), { state: 'suspended' });
  t.match(await rest.call('POST', `/sessions/${idle.id}/resume`), {
    status: 503,
    body: { error: { code: 'UNAVAILABLE', message: /hollow is being drained/ } },
  });
  t.match(await rest.call('POST', '/sessions', {}), { status: 503, body: { error: { message: /hollow is being drained/ } } });

  t.equal((await rest.call('DELETE', '/nodes/hollow/drain')).status, 204);
  await events.until('the message is answered', ({ type, data }) => {
    const { role, metadata } = (data as { message?: { role?: string; metadata?: { in_reply_to?: string } } }).message ?? {};
    return type === 'message.created' && role === 'agent' && metadata?.in_reply_to === (posted.body as { id: string }).id;
  });
  t.match(await rest.session(idle.id), { waiting_reason: null });
  t.match(await rest.session(paused.id), { state: 'suspended' }, 'nothing waited for this one');
  t.match(await rest.session(asleep.id), { state: 'suspended' }, 'nor does a quiet message wake it');
  t.equal((await rest.call('DELETE', '/nodes/hollow/drain')).status, 404);
  t.match(await rest.call('POST', '/nodes/hollow/uncordon'), { status: 200, body: { drain: null } });
});
