import t, { type Test } from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { put } from '../../../../controller/domain/engine/mutation.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { drainNode, drainSessions, wakeAfterDrain } from '../../../../controller/domain/nodes/commands/drain-node.ts';
import { updateNode } from '../../../../controller/domain/nodes/commands/manage-node.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import { HandClock } from '../../hand-clock.ts';
import { type Core, NODE, newMessage, newSession, node, openCore, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { joins } from '../fleet/world.ts';

const GRACE_MS = 30_000;
const DRAIN = { deadlineMs: 60_000, onDeadline: 'suspend' } as const;

/** A node whose fleet shows the drain of its row, and a session in each state. */
async function drained(t: Test, clock = new HandClock()) {
  const known = {
    ...node(NODE),
    get draining() {
      return core.store.view.get('nodes', NODE)?.drain != null;
    },
  };
  const core: Core = await openCore({ clock, nodes: [known] });
  t.teardown(() => core.close());
  await withAgents(core, ['bob']);
  await joins(core, NODE);
  const session = async (id: string, is: Partial<SessionRow> = {}) => {
    await core.applier.submit(newSession({ id: id as SessionId }));
    await change(core, id, { phase: 'running', observedGeneration: 1, hasRun: true, ...is });
  };
  await session('idle');
  await session('busy', { outstanding: 1 });
  await session('new', { phase: 'none', observedGeneration: 0, hasRun: false });
  await session('frozen', { desired: 'paused', phase: 'paused' });
  await session('asleep', { desired: 'suspended', phase: 'suspended' });
  await session('failed', { desired: 'failed', phase: 'failed' });
  const desired = (id: string) => core.session(id).desired;
  const step = () => core.applier.apply(drainSessions(NODE, GRACE_MS));
  const row = () => core.store.view.get('nodes', NODE);
  return { core, clock, desired, step, row };
}

const change = (core: Core, id: string, is: Partial<SessionRow>) =>
  core.applier.apply({
    name: 'test-change',
    decide: ({ view }) => {
      const row = view.get('sessions', id);
      return { mutations: row === undefined ? [] : [put('sessions', { ...row, ...is })], events: [], result: undefined };
    },
  });

/** As its node reports it. */
const stops = (core: Core, id: string) => change(core, id, { phase: 'suspended', observedGeneration: core.session(id).generation });

const STOPPED = ['idle', 'new', 'frozen', 'asleep'] as const;

t.test('a drain suspends what is idle or paused at once, and what is busy at its deadline', async (t) => {
  const { core, clock, desired, step, row } = await drained(t);
  t.match(await core.applier.submit(drainNode(NODE, DRAIN, 'admin')), { ok: true });
  t.match(row(), { cordonedAt: Number, drain: { left: 4, doneAt: null } });
  t.same(await step(), { more: false, dueMs: 60_000 });
  for (const id of STOPPED) t.equal(desired(id), 'suspended', id);
  t.equal(desired('busy'), 'running');
  t.equal(desired('failed'), 'failed');
  t.ok(core.session('idle').graceMs > GRACE_MS, 'what it may just have begun has until the deadline');
  for (const id of ['idle', 'new', 'frozen']) await stops(core, id);
  await step();
  t.match(row()?.drain, { left: 1, doneAt: null });

  await clock.advance(59_000);
  const { dueMs = 0 } = await step();
  t.ok(dueMs > 0 && dueMs < 2_000, 'it is called again at the deadline');
  t.equal(desired('busy'), 'running');
  await clock.advance(dueMs);
  t.same(await step(), { more: false, dueMs: undefined });
  t.match(core.session('busy'), { desired: 'suspended', graceMs: GRACE_MS });
  t.match(row()?.drain, { left: 1, doneAt: null }, 'it has not stopped yet');
  await stops(core, 'busy');
  await step();
  await step();
  t.match(row()?.drain, { left: 0, doneAt: Number });
  const events = (await committedEvents(core.store.events)).filter(({ type }) => type.startsWith('node.drain'));
  t.same(
    events.map(({ type, data }) => [type, (data.node as { sessions_left: number }).sessions_left]),
    [
      ['node.draining', 4],
      ['node.drain_progress', 1],
      ['node.drained', 0],
    ],
  );
});

/** Like the system's: whole milliseconds on the wall, fractions of them on the monotonic clock. */
class SteppingClock extends HandClock {
  skewMs = 0;
  override now = () => Math.floor(super.now() + this.skewMs);
}

t.test('a step of the wall clock delays no drain', async (t) => {
  const clock = new SteppingClock();
  const { core, desired, step } = await drained(t, clock);
  await core.applier.submit(drainNode(NODE, DRAIN, 'admin'));
  await clock.advance(1_000.4);
  clock.skewMs = 3_600_000;
  const { dueMs = 0 } = await step();
  t.ok(dueMs > 58_000 && dueMs < 60_000, 'the step does not count as time');
  for (const id of STOPPED) t.equal(desired(id), 'suspended', id);
  t.equal(core.session('idle').graceMs, dueMs);
  t.equal(desired('busy'), 'running');
});

t.test('a drain that waits interrupts nothing, however late it is', async (t) => {
  const { core, clock, desired, step } = await drained(t);
  await core.applier.submit(drainNode(NODE, { deadlineMs: 1_000, onDeadline: 'wait' }, 'admin'));
  await clock.advance(3_600_000);
  t.same(await step(), { more: false, dueMs: undefined });
  t.equal(desired('busy'), 'running');
  await change(core, 'busy', { outstanding: 0 });
  await step();
  t.equal(desired('busy'), 'suspended');
});

t.test('messages wait on a drained node, and wake their sessions when it ends', async (t) => {
  const { core, desired, step } = await drained(t);
  const post = (id: string, more: object = {}) => core.applier.submit(postMessage(newMessage(id as SessionId, 'hi', more)));
  const wakes = async () => {
    const waiting = core.store.view.wakeWantedOn(NODE, 100);
    await Promise.all(waiting.map(({ id }) => core.applier.apply(wakeAfterDrain(id))));
    return waiting.map(({ id }) => id);
  };
  await post('idle');
  await core.applier.submit(drainNode(NODE, DRAIN, 'admin'));
  await step();
  t.match(await post('asleep', { wake: false }), { ok: true });
  t.match(await post('frozen'), { ok: true });
  t.equal(desired('frozen'), 'suspended');
  t.match(await core.applier.submit(changeDesired('asleep' as SessionId, 'resume', 0)), {
    ok: false,
    refusal: { code: 'UNAVAILABLE', message: /node-a is being drained/ },
  });
  t.same(await wakes(), ['frozen', 'idle']);
  t.equal(desired('idle'), 'suspended', 'not while the drain lasts');

  await core.applier.submit(updateNode(NODE, { schedulable: true }, 'admin'));
  await wakes();
  t.same(['idle', 'frozen', 'asleep', 'new'].map(desired), ['running', 'running', 'suspended', 'suspended']);
  t.same(await wakes(), [], 'once');
});

t.test('who suspends a session during the drain finds it suspended afterwards; so does who cleared its messages', async (t) => {
  const { core, desired, step } = await drained(t);
  for (const id of ['idle', 'busy']) await core.applier.submit(postMessage(newMessage(id as SessionId, 'hi')));
  await core.applier.submit(drainNode(NODE, DRAIN, 'admin'));
  await core.applier.submit(changeDesired('busy' as SessionId, 'suspend', 0));
  await step();
  await core.applier.apply({
    name: 'test-clear',
    decide: () => ({ mutations: [{ kind: 'empty-queue', sessionId: 'idle' as SessionId }], events: [], result: undefined }),
  });
  await core.applier.submit(updateNode(NODE, { schedulable: true }, 'admin'));
  for (const { id } of core.store.view.wakeWantedOn(NODE, 100)) await core.applier.apply(wakeAfterDrain(id));
  t.same(['idle', 'busy'].map(desired), ['suspended', 'suspended']);
  t.same(core.store.view.wakeWantedOn(NODE, 100), []);
});

t.test('labels, cordon and uncordon change what they name, once', async (t) => {
  const { core, row } = await drained(t);
  const update = (change: Parameters<typeof updateNode>[1]) => core.applier.submit(updateNode(NODE, change, 'admin'));
  const updates = async () => (await committedEvents(core.store.events)).filter(({ type }) => type === 'node.updated').length;
  await update({ labels: { b: '1', a: '2' } });
  await update({ labels: { a: '2', b: '1' } });
  t.equal(await updates(), 1);
  await update({ schedulable: false });
  const since = row()?.cordonedAt;
  await update({ schedulable: false });
  t.match(row(), { labels: { a: '2', b: '1' }, cordonedAt: since, drain: null });
  t.equal(await updates(), 2);
  await core.applier.submit(drainNode(NODE, DRAIN, 'admin'));
  t.equal(row()?.cordonedAt, since);
  await update({ labels: {} });
  t.match(row(), { labels: {}, drain: { left: 4 } }, 'labels do not end a drain');
  await update({ schedulable: true });
  t.match(row(), { cordonedAt: null, drain: null });
});
