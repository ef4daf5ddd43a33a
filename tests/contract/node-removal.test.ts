import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { wasRemoved } from '../../node-agent/identity/removal.ts';
import { startHollowNode } from './hollow-node.ts';
import { openTarget, type Target } from './target.ts';

const conditionsOf = z.looseObject({ conditions: z.array(z.looseObject({ type: z.string() })) });

let target: Target;
t.before(async () => {
  target = await openTarget(t);
});

t.test('a node is removed with what it had, its name is free, and what it left hurts no node of that name', async (t) => {
  const { rest, own } = target;
  if (own === undefined) return t.comment('only for nodes of the test’s own');
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const second = async (directory: string) =>
    startHollowNode({
      name: 'second',
      directory: join(own.directory, directory),
      token: await rest.nodeToken(),
      image: 'raworc/session:contract',
      log,
    });
  const events = await rest.watch('/events');
  t.teardown(() => events.close());
  const node = await second('second');
  t.teardown(() => node.close());
  await events.until('the second node is ready', ({ type }) => type === 'node.ready');
  await rest.call('POST', '/nodes/hollow/cordon');
  const [asleep, up, gone] = [await rest.createSession(), await rest.createSession(), await rest.createSession()];
  await rest.call('POST', `/sessions/${asleep.id}/suspend?force=true`);

  t.match(await rest.call('DELETE', '/nodes/second'), {
    status: 409,
    body: { error: { code: 'CONFLICT', message: /node second has the files of 3 sessions. Delete the sessions first/ } },
  });
  await node.close();
  await rest.removeSession(gone.id);
  t.match(await rest.call('DELETE', '/nodes/second?lost=perhaps'), { status: 400 });
  t.equal((await rest.call('DELETE', '/nodes/second?lost=true')).status, 204);
  t.equal((await rest.call('DELETE', '/nodes/second?lost=true')).status, 404);
  t.match(await rest.call('GET', '/nodes/second'), { status: 404 });
  t.same(
    ((await rest.call('GET', '/nodes')).body as { name: string }[]).map(({ name }) => name),
    ['hollow'],
  );
  for (const { id } of [asleep, up])
    t.match(await rest.session(id), { state: 'error', node: 'second', termination_reason: 'host lost: the node second was removed' });
  t.match(await rest.call('PUT', `/sessions/${up.id}/state`, { state: 'init' }), {
    status: 409,
    body: { error: { message: /was removed, and had the only copy/ } },
  });

  const later = await rest.watch('/events');
  t.teardown(() => later.close());
  const third = await second('third');
  t.teardown(() => third.close());
  await later.until('another node of that name is ready', ({ type }) => type === 'node.ready');
  const { id } = await rest.createSession();
  t.match(await rest.call('POST', `/sessions/${id}/resume?wait=30s`), { body: { state: 'idle', node: 'second' } });
  for (const one of [asleep, up]) t.equal((await rest.call('DELETE', `/sessions/${one.id}`)).status, 204);
  t.match(await rest.session(id), { state: 'idle' });
  await rest.removeSession(id);
  await third.close();
  await rest.call('POST', '/nodes/hollow/uncordon');
});

t.test('a node that is removed although it runs stops its sessions, keeps their disks, and starts none again', async (t) => {
  const { rest, own } = target;
  if (own === undefined) return t.comment('only for nodes of the test’s own');
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const directory = join(own.directory, 'fourth');
  const events = await rest.watch('/events');
  t.teardown(() => events.close());
  const node = await startHollowNode({ name: 'fourth', directory, token: await rest.nodeToken(), image: 'raworc/session:contract', log });
  t.teardown(() => node.close());
  await events.until('the node is ready', ({ type }) => type === 'node.ready');
  await rest.call('POST', '/nodes/hollow/cordon');
  const { id } = await rest.createSession();
  t.match(await rest.call('POST', `/sessions/${id}/resume?wait=30s`), { body: { state: 'idle', node: 'fourth' } });
  await rest.call('POST', '/nodes/hollow/uncordon');
  const { id: elsewhere } = await rest.createSession();
  const { signal } = new AbortController();
  t.match((await node.host.list(signal)).get(id), { container: { state: 'running' } });

  t.equal((await rest.call('DELETE', '/nodes/fourth?lost=true')).status, 204);
  t.same(await node.ended, { why: 'removed' });
  t.match((await node.host.list(signal)).get(id), { container: undefined, volume: { name: String } }, 'its disk is kept');
  t.ok(await wasRemoved(directory, node.identity), 'its next start knows');
  t.notOk(await wasRemoved(directory, { ...node.identity, incarnation: 9 }), 'unless it has joined again');
  t.match(await rest.session(id), { state: 'error', termination_reason: 'host lost: the node fourth was removed' });
  t.match(await rest.session(elsewhere), { state: /init|idle/ }, 'no other node stops anything');
  t.equal((await rest.call('DELETE', `/sessions/${id}`)).status, 204);
  await rest.removeSession(elsewhere);
});

t.test('a name belongs to its key: a machine without it cannot take the place of an absent node', async (t) => {
  const { rest, own } = target;
  if (own === undefined) return t.comment('only for nodes of the test’s own');
  const { id } = await rest.createSession();
  await target.endNode();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const thief = join(own.directory, 'thief');
  const events = await rest.watch('/events');
  t.teardown(() => events.close());
  await t.rejects(
    async () => startHollowNode({ name: 'hollow', directory: thief, token: await rest.nodeToken(), image: 'raworc/session:contract', log }),
    /A node named "hollow" exists, with another key.*raworc node remove hollow/,
  );
  t.match(await rest.session(id), { state: 'idle' }, 'nothing happens to its sessions');
  const { data } = await events.until('an alarm', ({ type }) => type === 'node.alarm');
  const both = /^The machine at 127\.0\.0\.1 tried to join as the node hollow, which last connected from 127\.0\.0\.1, and was refused/;
  t.match(data, { node: { name: 'hollow', alarm: { type: 'NameContested', message: both } } });
  const { body } = await rest.call('GET', '/nodes/hollow');
  t.match(
    conditionsOf.parse(body).conditions.filter(({ type }) => type === 'NameContested'),
    [{ message: both }],
  );
});
