import t, { type Test } from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { postMessage } from '../../../../controller/domain/messages/commands/post-message.ts';
import { loseNode } from '../../../../controller/domain/nodes/commands/node-absence.ts';
import { type Claimant, IdentityFence } from '../../../../controller/services/fleet/identity-fence.ts';
import { LeaseLoop } from '../../../../controller/services/nodes/lease-loop.ts';
import { HandClock } from '../../hand-clock.ts';
import { newMessage, newSession, silent, withAgents } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { cluster, FakeNode, fleetOver, hello, inventory, nodeOf, running, S } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const LEASE = { leaseMs: 15_000, heartbeatMs: 3_000 };

/** A node with a session, and processes at given addresses that claim to be it. */
async function contested(t: Test) {
  const clock = new HandClock();
  const { core, fleet, alarms, directory } = await cluster(t, clock);
  await withAgents(core, ['bob']);
  await core.applier.submit(newSession({ id: S }));
  const id = nodeOf(core);
  const watch = new LeaseLoop({
    ...{ loops: loopsOf(t, clock), applier: core.applier, view: core.store.view, directory, fleet, lease: LEASE, clock, log: silent },
  });
  watch.start(clock.now());
  let beat = 0;
  const connect = (address: string, boot: number, more: object = {}) => {
    const fake = new FakeNode();
    fleet.connect(id, fake.link, { keyHash: `key-${id}`, address });
    fake.say(hello({ boot, ...more }));
    fake.say(inventory);
    return fake;
  };
  const up = async (fake: FakeNode) => fake.until(() => fake.of('assignmentSet')[0]);
  /** Time goes by, and these processes send their heartbeats. */
  const passes = async (ms: number, ...alive: FakeNode[]) => {
    for (let left = ms; left > 0; left -= 1_000) {
      await clock.advance(1_000);
      for (const fake of alive) if (!fake.closed) fake.say({ kind: 'heartbeat', value: { number: ++beat } });
    }
  };
  return { clock, core, fleet, alarms, id, connect, up, passes };
}

t.test('a copy of a node that is connected is refused, with an alarm that names both; the node notices nothing', async (t) => {
  const { core, fleet, alarms, id, connect, up, passes } = await contested(t);
  const real = connect('10.0.0.1:400', 5);
  await up(real);
  real.say(running({ boot: 5 }));
  await passes(1_000, real);
  const before = core.session(S);
  for (let round = 0; round < 3; round += 1) {
    const copy = connect(`10.0.0.2:50${round}`, 9);
    copy.say({ kind: 'report', value: { ...reportOf(running({ boot: 9 })), phase: 'FAILED', reason: 'volume missing' } });
    t.same(copy.told, [], 'it is not even welcomed');
    await passes(4_000, real);
    t.match(copy.fault?.message, /Two processes use the identity .* 10\.0\.0\.1 is connected, and the one at 10\.0\.0\.2 was refused/);
  }
  t.notOk(real.closed);
  t.ok(fleet.isConnected(id));
  t.same(core.session(S), before, 'what the copy says of sessions counts for nothing');
  t.match(alarms.conditions(id), [{ type: 'IdentityContested', since: Number }]);
  const events = await committedEvents(core.store.events);
  t.equal(events.filter(({ type }) => type === 'node.alarm').length, 1, 'raised once');
  t.equal(events.filter(({ type }) => type === 'node.ready').length, 1, 'and nobody threw anybody out');
  await passes(150_000, real);
  t.same(alarms.conditions(id), [], 'over when the copy is gone');
});

const reportOf = (frame: ReturnType<typeof running>) => (frame.kind === 'report' ? frame.value : never());
const never = (): never => {
  throw new Error('no report');
};

t.test('a node that reconnects takes its place at once; one that restarts, as soon as its older process is gone', async (t) => {
  const { fleet, alarms, id, connect, up, passes } = await contested(t);
  const first = connect('10.0.0.1:400', 5);
  await up(first);
  const again = connect('10.0.0.1:401', 5);
  await up(again);
  t.match(first.fault?.message, /replaced this one/);
  const restarted = connect('10.0.0.1:402', 6);
  await passes(2_000);
  t.same(restarted.told, [], 'its older process may still live');
  again.link.close();
  await up(restarted);
  const silent = connect('10.0.0.1:403', 7);
  await passes(16_000);
  await up(silent);
  t.match(restarted.fault?.message, /lease expired/, 'one whose end nobody heard of has its lease');
  t.ok(fleet.isConnected(id));
  t.same(alarms.conditions(id), []);
});

t.test('while a node restarts, its place is kept for its host until its lease is over', async (t) => {
  const { alarms, id, connect, up, passes } = await contested(t);
  const real = connect('10.0.0.1:400', 5);
  await up(real);
  real.link.close();
  const copy = connect('10.0.0.2:500', 9);
  await passes(4_000);
  t.same(copy.told, []);
  const restarted = connect('10.0.0.1:401', 6);
  await up(restarted);
  await passes(4_000, restarted);
  t.match(copy.fault?.message, /10\.0\.0\.2 was refused/);
  t.match(alarms.conditions(id), [{ type: 'IdentityContested' }]);

  restarted.link.close();
  const moved = connect('10.0.0.3:600', 10);
  await passes(16_000, moved);
  await up(moved);
  t.pass('a host with another address is let in afterwards');
});

t.test('when a copy that had the place is gone, the node is heard again although its boot counter is lower', async (t) => {
  const { core, connect, up, passes } = await contested(t);
  const copy = connect('10.0.0.2:500', 900);
  await up(copy);
  copy.say(running({ boot: 900, containerId: 'of-the-copy' }));
  await passes(1_000, copy);
  t.equal(core.session(S).containerId, 'of-the-copy');
  copy.link.close();
  const real = connect('10.0.0.1:400', 5);
  await passes(16_000, real);
  await up(real);
  real.say(running({ boot: 5, containerId: 'of-the-node' }));
  await passes(1_000, real);
  t.equal(core.session(S).containerId, 'of-the-node');
  t.match(await core.applier.submit(postMessage(newMessage(S, 'hi'))), { ok: true });
  await real.until(() => real.of('deliver')[0]);

  real.link.close();
  const again = connect('10.0.0.1:401', 5);
  await up(again);
  again.say(running({ boot: 5, containerId: 'later' }));
  await passes(1_000, again);
  t.equal(core.session(S).containerId, 'later', 'also when it reconnects');
});

t.test('a controller that has just started keeps the place for the host that had it, for one lease', async (t) => {
  const { core, clock, id, connect, up } = await contested(t);
  const real = connect('10.0.0.1:400', 5);
  await up(real);
  t.match(core.store.view.get('nodes', id), { address: '10.0.0.1', lastBoot: 5 });
  real.link.close();

  const { fleet } = fleetOver(t, core, { clock });
  const claims = (address: string, boot: number) => {
    const fake = new FakeNode();
    fleet.connect(id, fake.link, { keyHash: `key-${id}`, address });
    fake.say(hello({ boot }));
    fake.say(inventory);
    return fake;
  };
  const copy = claims('10.0.0.2:500', 9);
  t.same(copy.told, []);
  const back = claims('10.0.0.1:401', 6);
  await up(back);
  back.link.close();
  t.same(copy.told, []);
  await clock.advance(16_000);
  await up(copy);
  t.pass('it cannot tell a copy from a node that moved');
});

t.test('a node that moves to a new stream is not away, also if its old one ends first', async (t) => {
  const { core, fleet, id, connect, up } = await contested(t);
  const old = connect('10.0.0.1:400', 5);
  await up(old);
  const [next, never] = [new FakeNode(), new FakeNode()];
  fleet.connect(id, next.link, { keyHash: `key-${id}`, address: '10.0.0.1:401' });
  old.link.close();
  next.say(hello({ boot: 5 }));
  next.say(inventory);
  await up(next);
  const isAway = async () => (await committedEvents(core.store.events)).some(({ type }) => type === 'node.unreachable');
  t.notOk(await isAway());
  fleet.connect(id, never.link, { keyHash: `key-${id}`, address: '10.0.0.1:402' });
  next.link.close();
  never.link.close();
  await core.applier.apply({ name: 'test-flush', decide: () => ({ mutations: [], events: [], result: undefined }) });
  t.ok(await isAway(), 'it is when the new one comes to nothing');
});

t.test('a copy on another machine that comes after the lease is refused, until its node is lost or comes back', async (t) => {
  const { core, fleet, alarms, id, connect, up, passes } = await contested(t);
  const real = connect('10.0.0.1:400', 5, { machine: 'the-first' });
  await up(real);
  real.say(running({ boot: 5 }));
  await passes(1_000, real);
  const before = core.session(S);
  real.link.close();
  await passes(60_000);
  const copy = connect('10.0.0.2:500', 9, { machine: 'the-second' });
  t.match(copy.fault?.message, /machine at 10\.0\.0\.2 has the identity .* another machine at 10\.0\.0\.1, and was refused/);
  t.same(copy.told, []);
  t.match(alarms.conditions(id), [{ type: 'IdentityContested', message: /10\.0\.0\.1.*raworc node lost/ }]);
  t.same(core.session(S).phase, before.phase, 'what it lacks is not missed');

  const moved = connect('10.0.0.9:401', 6, { machine: 'the-first' });
  await up(moved);
  t.pass('a node keeps its place when only its address changed');
  moved.link.close();
  await passes(16_000);
  const early = connect('10.0.0.2:501', 9, { machine: 'the-second' });
  t.ok(early.closed);
  t.match(await core.applier.apply(loseNode(id, (one) => fleet.isConnected(one), 'admin')), { ok: true });
  const last = connect('10.0.0.2:502', 9, { machine: 'the-second' });
  await up(last);
  t.ok(fleet.isConnected(id), 'a machine that replaces a lost one has its place');
});

t.test('a machine that waits in the lease of another is judged when that is over', async (t) => {
  const { connect, up, passes } = await contested(t);
  const real = connect('10.0.0.1:400', 5, { machine: 'the-first' });
  await up(real);
  real.link.close();
  const copy = connect('10.0.0.2:500', 9, { machine: 'the-second' });
  await passes(10_000);
  t.notOk(copy.closed);
  await passes(10_000);
  t.match(copy.fault?.message, /was refused/);
});

for (const [how, other] of [
  ['at two addresses', '10.0.0.2'],
  ['behind one address', '10.0.0.1'],
] as const)
  t.test(`two copies of a running machine ${how} do not alternate`, async (t) => {
    const { id, alarms, connect, up, passes } = await contested(t);
    let one = connect('10.0.0.1:400', 5);
    await up(one);
    let places = 1;
    let twin = connect(`${other}:500`, 5);
    for (let round = 0; round < 12; round += 1) {
      await passes(2_000, one, twin);
      if (one.closed) one = connect(`10.0.0.1:41${round}`, 5);
      if (twin.closed) twin = connect(`${other}:51${round}`, 5);
      places += [one, twin].filter(({ told }) => told.length > 0).length > 1 ? 1 : 0;
    }
    t.ok(places <= 2, `${places} changes of place`);
    t.match(alarms.conditions(id), [{ type: 'IdentityContested' }]);
  });

t.test('nodes that come and go are forgotten after their lease', async (t) => {
  const clock = new HandClock();
  const fence = new IdentityFence({ clock, lease: LEASE, lastKnown: () => undefined });
  const stream = (number: number): Claimant => ({
    ...{ nodeId: `node-${number}` as NodeId, name: `n${number}`, boot: 1, incarnation: 1, host: '10.0.0.1', machine: 'm' },
    ...{ lease: { leftMs: () => LEASE.leaseMs }, reject: (reason) => t.fail(reason) },
  });
  for (let number = 0; number < 200; number += 1) {
    let took = false;
    fence.claim(stream(number), stream(number), () => {
      took = true;
    });
    t.ok(took, 'it replaces its own stream');
    fence.freed(stream(number));
    await clock.advance(LEASE.leaseMs);
  }
  t.ok(fence.remembered <= 4, `${fence.remembered} nodes`);
});
