import t, { type Test } from 'tap';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { createNodeToken } from '../../../../controller/domain/nodes/commands/join-tokens.ts';
import { raiseNodeAlarm, renewCertificate } from '../../../../controller/domain/nodes/commands/node-certificates.ts';
import { joinNode } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { LeaseLoop } from '../../../../controller/services/nodes/lease-loop.ts';
import { NodeAlarms } from '../../../../controller/services/nodes/node-alarms.ts';
import type { Counter, Metrics } from '../../../../seams/metrics.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { HandClock } from '../../hand-clock.ts';
import { type Core, NODE, silent } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { cluster, FakeNode, fleetOver, hello, inventory } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const KEY = `key-${NODE}`;

const rowOf = (core: Core, id: NodeId = NODE) => {
  const row = core.store.view.get('nodes', id);
  if (row === undefined) throw new Error(`no node ${id}`);
  return row;
};

function revoke(core: Core): Promise<undefined> {
  return core.applier.apply({
    name: 'test-revoke',
    decide: ({ now }) => ({
      mutations: [{ kind: 'put', table: 'nodes', row: { ...rowOf(core), revokedAt: now } }],
      events: [],
      result: undefined,
    }),
  });
}

const alarmsOf = async (core: Core) =>
  (await committedEvents(core.store.events)).flatMap((event) => (event.type === 'node.alarm' ? [event.data] : []));

t.test('a certificate is renewed for the key on record, for nobody who was revoked, and for no node that is not there', async (t) => {
  const { core } = await cluster(t);
  const fault = async (id: string, key: string) => {
    const renewal = await core.applier.apply(renewCertificate(id as NodeId, key));
    return renewal.ok ? `renewed ${renewal.node.name}` : renewal.fault;
  };
  t.equal(rowOf(core).keyHash, KEY, 'a join records the key');
  t.equal(await fault(NODE, KEY), `renewed ${NODE}`);
  t.equal(await fault(NODE, 'another'), 'other-key');
  t.equal(await fault('nobody', KEY), 'unknown-node');
  await core.applier.apply({
    name: 'test-forget-key',
    decide: () => ({ mutations: [{ kind: 'put', table: 'nodes', row: { ...rowOf(core), keyHash: null } }], events: [], result: undefined }),
  });
  t.equal(await fault(NODE, 'first'), `renewed ${NODE}`, 'one that joined before keys were recorded');
  t.equal(rowOf(core).keyHash, 'first');
  t.equal(await fault(NODE, 'second'), 'other-key');
  await revoke(core);
  t.equal(await fault(NODE, 'first'), 'revoked');

  await core.applier.submit(createNodeToken({ id: 'token', secretHash: 'h', ttlMs: 60_000, uses: 1, labels: {}, user: 'admin' }));
  const again = await core.applier.submit(
    joinNode({ id: 'new' as NodeId, name: NODE, tokenId: 'token', secretHash: 'h', keyHash: 'k', isConnected: () => false }),
  );
  t.match(
    again,
    { ok: true, value: { id: 'new', incarnation: 1 } },
    'the name of a removed node is free, for a node that has nothing of it',
  );
});

t.test('a stream is for the key on record, and ends when its node is revoked', async (t) => {
  const { core, connect, alarms, fleet } = await cluster(t);
  const good = connect(NODE, hello(), inventory, KEY);
  await good.until(() => good.of('assignmentSet')[0]);
  t.ok(fleet.isConnected(NODE));

  const older = connect(NODE, hello(), inventory, 'an older key');
  t.match(older.fault?.message, /outdated identity/);
  t.notOk(good.closed, 'it takes nothing away from the node that holds the key');
  t.ok(fleet.isConnected(NODE));
  t.match(alarms.conditions(NODE), [{ type: 'CertificateRefused', message: /outdated identity of the node/ }]);
  await core.applier.apply(raiseNodeAlarm(NODE, { type: 'x', message: 'flush' }));
  t.match((await alarmsOf(core))[0], {
    node: { id: NODE, name: NODE, alarm: { type: 'CertificateRefused', message: /outdated identity/ } },
  });

  const back = connect(NODE, hello(), inventory, KEY);
  await back.until(() => back.of('assignmentSet')[0]);
  t.strictSame(alarms.conditions(NODE), [], 'over when the node proves itself');
  await revoke(core);
  t.match(back.fault?.message, /was removed/);
  const after = connect(NODE, hello(), inventory, KEY);
  t.match(after.fault?.message, /was removed/);
  t.notOk(fleet.isConnected(NODE));
});

t.test('a node that joined after the backup is let in with its key, which is then on record', async (t) => {
  const { core } = await cluster(t);
  // Another key, a later incarnation, and it heard of the life of the store before this one, which began after it joined.
  const epoch = Math.floor(rowOf(core).joinedAt / 1000) + 1;
  const later = fleetOver(t, core, { epoch });
  const first = later.connect(NODE, hello({ epoch: epoch - 1 }), inventory, KEY);
  await first.until(() => first.of('assignmentSet')[0]);
  const fake = later.connect(NODE, hello({ epoch: epoch - 1, incarnation: 2 }), inventory, 'newer key');
  await fake.until(() => fake.of('assignmentSet')[0]);
  t.match(first.fault?.message, /replaced this one/);
  t.equal(rowOf(core).keyHash, 'newer key');
  t.match(later.connect(NODE, hello({ epoch, incarnation: 1 }), inventory, KEY).fault?.message, /outdated identity/);
});

t.test('a node that joined in this life of the store is not replaced by who claims to have joined later', async (t) => {
  const { core } = await cluster(t);
  const epoch = Math.floor(rowOf(core).joinedAt / 1000) - 1;
  const { connect, fleet } = fleetOver(t, core, { epoch });
  const good = connect(NODE, hello(), inventory, KEY);
  await good.until(() => good.of('assignmentSet')[0]);
  const older = connect(NODE, hello({ epoch: 1, incarnation: 99 }), inventory, 'an older key');
  t.match(older.fault?.message, /outdated identity/);
  t.notOk(good.closed);
  t.ok(fleet.isConnected(NODE));
  t.match(rowOf(core), { keyHash: KEY, incarnation: 1 });
});

t.test('a stream under another key that never says hello is closed when its lease has run out, and was never in place', async (t) => {
  const clock = new HandClock();
  const { core, connect, fleet, directory } = await cluster(t, clock);
  const good = connect(NODE, hello(), inventory, KEY);
  await good.until(() => good.of('assignmentSet')[0]);
  const mute = new FakeNode();
  fleet.connect(NODE, mute.link, { keyHash: 'an older key' });
  t.same(fleet.contenders().length, 1);
  t.notOk(good.closed);
  const lease = { leaseMs: 15_000, heartbeatMs: 3000 };
  const watch = new LeaseLoop({
    loops: loopsOf(t, clock),
    applier: core.applier,
    view: core.store.view,
    directory,
    fleet,
    lease,
    clock,
    log: silent,
  });
  watch.start(clock.now());
  for (let number = 1; number <= 10; number += 1) {
    good.say({ kind: 'heartbeat', value: { number } });
    await clock.advance(3000);
  }
  t.match(mute.fault?.message, /no hello/);
  t.same(fleet.contenders(), []);
  t.notOk(good.closed);
});

async function alarmed(t: Test) {
  const clock = new HandClock();
  const { core } = await cluster(t, clock);
  const errors: unknown[] = [];
  let counted = 0;
  const counter: Counter<never> = {
    add(value = 1) {
      counted += value;
    },
  };
  const metrics: Metrics = { ...silentMetrics, counter: () => counter };
  const log = { ...silent, error: (event: string, fields?: object) => void errors.push({ event, ...fields }) };
  return {
    clock,
    core,
    errors,
    counted: () => counted,
    alarms: new NodeAlarms({ applier: core.applier, view: core.store.view, clock, log, metrics }),
  };
}

t.test(
  'an alarm is an event, a condition, one line and a count; one that goes on is told once an hour and counted each time',
  async (t) => {
    const { clock, core, errors, counted, alarms } = await alarmed(t);
    const alarm = { type: 'CertificateRefused', message: 'The node node-a was revoked.' };
    for (let i = 0; i < 50; i += 1) {
      alarms.raise(NODE, alarm);
      await clock.advance(60_000);
    }
    t.equal(counted(), 50);
    t.equal(errors.length, 1);
    t.match(errors[0], { event: 'node.alarm', node: NODE, type: 'CertificateRefused' });
    t.equal((await alarmsOf(core)).length, 1);
    t.match(alarms.conditions(NODE), [{ ...alarm, since: Number }]);
    await clock.advance(600_000);
    alarms.raise(NODE, alarm);
    await clock.advance(1);
    t.equal((await alarmsOf(core)).length, 2, 'after an hour');
    alarms.raise(NODE, { ...alarm, message: 'another cause' });
    await clock.advance(1);
    t.equal((await alarmsOf(core)).length, 3);
    alarms.clear(NODE);
    t.strictSame(alarms.conditions(NODE), []);
  },
);

t.test('a condition ends two minutes after the last retry of what is repeated, and an hour after anything else', async (t) => {
  const { alarms, clock } = await alarmed(t);
  const retried = ['IdentityContested', 'Version'];
  const single = ['CertificateRefused', 'Trespass', 'Flood', 'NameContested'];
  const raised = () => alarms.conditions(NODE).map(({ type }) => type);
  for (const type of [...retried, ...single]) alarms.raise(NODE, { type, message: 'x' });
  await clock.advance(119_000);
  t.same(raised(), [...retried, ...single]);
  await clock.advance(1_000);
  t.same(raised(), single);
  await clock.advance(3_479_000);
  t.same(raised(), single);
  await clock.advance(1_000);
  t.same(raised(), []);
});

t.test('alarms of nodes that do not exist take up no more than their bound', async (t) => {
  const { alarms, clock } = await alarmed(t);
  for (let i = 0; i < 1100; i += 1) alarms.raise(`ghost-${i}` as NodeId, { type: 'CertificateRefused', message: 'x' });
  await clock.advance(1000);
  t.strictSame(alarms.conditions('ghost-99' as NodeId), [], 'the oldest are forgotten');
  t.equal(alarms.conditions('ghost-100' as NodeId).length, 1);
  t.equal(alarms.conditions('ghost-1099' as NodeId).length, 1);
});
