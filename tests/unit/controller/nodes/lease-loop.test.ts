import t, { type Test } from 'tap';
import { agesAt } from '../../../../controller/domain/engine/agreed-time.ts';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { absenceDue, gapMs, nodeHealth } from '../../../../controller/domain/nodes/lease.ts';
import type { NodeRow } from '../../../../controller/domain/nodes/rows.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import type { Loops } from '../../../../controller/services/engine/loops.ts';
import { LeaseLoop } from '../../../../controller/services/nodes/lease-loop.ts';
import { HandClock } from '../../hand-clock.ts';
import { allOn, batching, newMessage, newSession, silent, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { cluster, type FakeNode, nodeOf, running, S } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const LEASE = { leaseMs: 15_000, heartbeatMs: 3_000, lostAfterMs: 600_000 };

t.test('what is due of a node that is away', async (t) => {
  const table: [since: number | null, lostAt: number | null, connected: boolean, now: number, watchedMs: number, due: string][] = [
    [null, null, true, 1e9, 1e9, 'nothing'],
    [null, null, false, 0, 14_999, 'nothing'],
    [null, null, false, 0, 15_000, 'unreachable'],
    [0, null, false, 599_999, 1e9, 'nothing'],
    [0, null, false, 600_000, 1e9, 'lost'],
    [0, null, true, 1e9, 1e9, 'nothing'],
    [0, null, false, 1e9, 29_999, 'nothing'],
    [0, null, false, 1e9, 30_000, 'lost'],
    [0, 5, false, 1e9, 1e9, 'nothing'],
    [1e9, null, false, 0, 1e9, 'nothing'],
  ];
  for (const [unreachableSince, lostAt, connected, now, watchedMs, due] of table) {
    t.equal(
      absenceDue({ unreachableSince, lostAt }, connected, agesAt(now, []), watchedMs, LEASE),
      due,
      `${unreachableSince} ${lostAt} ${now} ${watchedMs}`,
    );
  }
  t.equal(nodeHealth({ unreachableSince: 1, lostAt: 2 }, { ready: true }), 'ready');
  const hung = { ready: true, unschedulable: 'Docker does not answer' };
  t.equal(nodeHealth({ unreachableSince: null, lostAt: null }, hung), 'degraded', 'not ready, whatever its lease');
  t.equal(nodeHealth({ unreachableSince: 1, lostAt: 2 }, { ready: false }), 'lost');
  t.equal(nodeHealth({ unreachableSince: null, lostAt: null }, { ready: false }), 'unreachable');
  t.same(
    [0, 3_000, 6_000, 6_001, 90_000].map((elapsed) => gapMs(elapsed, 3_000)),
    [0, 0, 0, 3_001, 87_000],
  );
});

async function watched(t: Test, lastAliveAt = 0) {
  const clock = new HandClock();
  const { core, fleet, directory, connect } = await cluster(t, clock);
  let loops: Loops | undefined;
  const start = (aliveAt: number) => {
    void loops?.close();
    loops = loopsOf(t, batching(clock));
    const watch = new LeaseLoop({
      loops,
      applier: core.applier,
      view: core.store.view,
      directory,
      fleet,
      lease: LEASE,
      clock,
      log: silent,
    });
    watch.start(aliveAt);
    return watch;
  };
  start(lastAliveAt);
  await withAgents(core, ['echo']);
  await core.applier.submit(newSession({ id: S }));
  const id = nodeOf(core);
  const row = (): NodeRow => core.store.view.get('nodes', id) ?? never();
  const events = async () =>
    (await committedEvents(core.store.events))
      .filter(({ type, data }) => type.startsWith('node.') && (data as { node: { id: string } }).node.id === id)
      .map(({ type }) => type);
  const settle = () => core.applier.apply({ name: 'after', decide: () => ({ mutations: [], events: [], result: undefined }) });
  /** Time with a node that sends its heartbeats. */
  const live = async (fake: FakeNode, ms: number) => {
    for (let gone = 0; gone < ms; gone += 3_000) {
      fake.say({ kind: 'heartbeat', value: { number: gone } });
      await clock.advance(3_000);
    }
  };
  const up = async () => {
    const fake = connect(id);
    await fake.until(() => fake.of('assignmentSet')[0]);
    fake.say(running({ generation: core.session(S).generation }));
    await settle();
    return fake;
  };
  return { core, clock, fleet, start, id, row, events, settle, live, up };
}

function never(): never {
  throw new Error('no such row');
}

t.test('a node that sends heartbeats keeps its lease; one that stops is unreachable, its sessions as they were', async (t) => {
  const { core, clock, fleet, id, row, events, settle, live, up } = await watched(t);
  const fake = await up();
  await live(fake, 60_000);
  t.ok(fleet.isConnected(id));
  t.equal(row().unreachableSince, null);
  await clock.advance(20_000);
  await settle();
  t.match(fake.fault?.message, /lease expired/);
  t.ok(row().unreachableSince);
  t.same(await events(), ['node.joined', 'node.ready', 'node.unreachable']);
  t.match(core.session(S), { desired: 'running', phase: 'running' });
  t.ok((await core.applier.submit(postMessage(newMessage(S, 'waits')))).ok);
  await up();
  t.equal(row().unreachableSince, null);
});

t.test('unreachable for too long is lost: sessions fail, messages are answered, and a return changes neither', async (t) => {
  const { core, clock, start, id, row, events, settle, up } = await watched(t);
  for (let i = 0; i < 120; i += 1) await core.applier.submit(newSession({ id: `extra-${i}` as SessionId }));
  const mine = allOn(core.store.view, id).map((session) => session.id);
  const fake = await up();
  const message = newMessage(S, 'hi');
  await core.applier.submit(postMessage(message));
  fake.link.close();
  await settle();
  await clock.advance(599_000);
  t.equal(row().lostAt, null);
  await clock.advance(5_000);
  await settle();
  t.ok(row().lostAt);
  for (let part = 0; part < 3; part += 1) await settle();
  t.equal(core.store.view.unfailedOn(id, 1000).length, 0, `all ${mine.length} failed`);
  t.match(core.session(S), { desired: 'failed', reason: /^host lost/ });
  t.match(core.store.view.answerTo(message.id), { metadata: { type: 'error_response', reason: 'host_lost' } });
  t.match(await core.applier.submit(changeDesired(S, 'recover', 0)), { ok: false, refusal: { code: 'CONFLICT', message: /is lost/ } });

  const back = await up();
  t.equal(row().lostAt, null);
  t.same(await events(), ['node.joined', 'node.ready', 'node.unreachable', 'node.lost', 'node.ready']);
  const told = back.of('assignmentSet')[0]?.assignments.find(({ sessionId }) => sessionId === S);
  t.match(told, { desired: 'DESIRED_FAILED', spec: { volumeExpected: true } });
  const stale = {
    sessionId: S,
    generation: 1,
    messageId: message.id,
    runId: 'r',
    agent: 'echo',
    content: 'late',
    reason: '',
    durationMs: 1,
    hops: [],
    model: '',
  };
  back.say({ kind: 'answer', value: { ...stale, outcome: 'REPLY' } });
  t.match(await back.until(() => back.of('settled')[0]), { messageId: message.id });
  t.match(core.store.view.answerTo(message.id), { metadata: { type: 'error_response' } }, 'the first answer stays');
  t.equal(core.session(S).desired, 'failed');
  t.ok((await core.applier.submit(changeDesired(S, 'recover', 0))).ok);
  start(0);
});

t.test('a gap in the ticks renews every lease, and is not held against those that were away', async (t) => {
  const { clock, fleet, id, row, settle, up } = await watched(t);
  const fake = await up();
  clock.sleep(3_600_000);
  await clock.advance(3_000);
  t.ok(fleet.isConnected(id), 'the process was stopped for an hour');
  t.notOk(fake.closed);
  fake.link.close();
  await settle();
  await clock.advance(300_000);
  clock.sleep(3_600_000);
  await clock.advance(290_000);
  t.equal(row().lostAt, null);
  await clock.advance(20_000);
  t.ok(row().lostAt, 'after ten minutes in which it could have come');
});

t.test('a controller that is started again and again gets there, and its own absence counts for nobody', async (t) => {
  const { clock, start, row, settle, up } = await watched(t);
  const fake = await up();
  fake.link.close();
  await settle();
  for (let round = 0; round < 5; round += 1) {
    await clock.advance(110_000);
    const stoppedAt = clock.now();
    clock.sleep(1_000_000);
    start(stoppedAt);
    await settle();
  }
  t.equal(row().lostAt, null);
  await clock.advance(30_000);
  t.equal(row().lostAt, null);
  await clock.advance(10_000);
  t.ok(row().lostAt);
});

t.test('after a start every node has a lease to come; one that does not is unreachable', async (t) => {
  const { clock, row } = await watched(t);
  await clock.advance(14_000);
  t.equal(row().unreachableSince, null);
  await clock.advance(5_000);
  t.ok(row().unreachableSince);
  t.equal(row().lastSeenAt, null);
});

t.test('the operator gives up a node that is unreachable, and none that is ready', async (t) => {
  const { core, start, id, up, settle } = await watched(t);
  const watch = start(0);
  const fake = await up();
  t.match(await watch.lose(id, 'admin'), { ok: false, refusal: { code: 'CONFLICT' } });
  fake.link.close();
  await settle();
  t.match(await watch.lose(id, 'admin'), { ok: true });
  t.equal(core.session(S).desired, 'failed');
  t.match(await watch.lose(id, 'admin'), { ok: true }, 'once more changes nothing');
  t.match(await watch.lose('nobody' as typeof id, 'admin'), { ok: false, refusal: { code: 'NOT_FOUND' } });
});

t.test('what was lost halfway is failed at the next start', async (t) => {
  const { core, clock, start, id, settle } = await watched(t);
  await core.applier.apply({
    name: 'lost-before',
    decide: ({ view, now }) => {
      const row = view.get('nodes', id) ?? never();
      return { mutations: [{ kind: 'put', table: 'nodes', row: { ...row, lostAt: now } }], events: [], result: undefined };
    },
  });
  start(clock.now());
  await settle();
  await settle();
  t.equal(core.session(S).desired, 'failed');
});
