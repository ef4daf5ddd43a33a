import t from 'tap';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { createNodeToken } from '../../../../controller/domain/nodes/commands/join-tokens.ts';
import { failLostSessions } from '../../../../controller/domain/nodes/commands/node-absence.ts';
import { joinNode, nodeConnected } from '../../../../controller/domain/nodes/commands/nodes.ts';
import { pruneRemovedNodes } from '../../../../controller/domain/nodes/commands/prune-removed-nodes.ts';
import { forgetTombstones, removeNode } from '../../../../controller/domain/nodes/commands/remove-node.ts';
import { changeDesired } from '../../../../controller/domain/sessions/commands/change-desired.ts';
import { removeSession } from '../../../../controller/domain/sessions/commands/remove-session.ts';
import { HandClock } from '../../hand-clock.ts';
import { type Core, NODE, newSession, node, openCore } from '../core.ts';
import { committedEvents } from '../events/committed-events.ts';
import { joins } from '../fleet/world.ts';

async function withNode(t: { teardown(run: () => void): void }): Promise<Core> {
  const core = await openCore({ nodes: [node(NODE)] });
  t.teardown(() => core.close());
  await joins(core, NODE);
  return core;
}

const row = (core: Core, id = NODE) => core.store.view.get('nodes', id);
const removes = (core: Core, lost = false) => core.applier.submit(removeNode(NODE, lost, 'admin'));
const id = (name: string) => name as SessionId;
const greeting = { driver: 'hollow', version: '1', cpuMillis: 1, memoryBytes: 1, maxSessions: 0, bounds: null, incarnation: 1, boot: 7 };

t.test('a node is removed without sessions; one with sessions or removals in progress only as lost', async (t) => {
  const core = await withNode(t);
  for (const name of ['one', 'two']) await core.applier.submit(newSession({ id: id(name) }));
  t.match(await removes(core), { ok: false, refusal: { code: 'CONFLICT', message: /has the files of 2 sessions/ } });
  for (const name of ['one', 'two']) await core.applier.submit(removeSession(id(name), 'asked'));
  t.match(await removes(core), { ok: false, refusal: { code: 'CONFLICT', message: /still removing deleted sessions/ } });
  t.equal(row(core)?.revokedAt, null);
  t.match(await removes(core, true), { ok: true });
  t.match(await removes(core, true), { ok: false, refusal: { code: 'NOT_FOUND' } }, 'once');
  t.notOk(await core.applier.apply(forgetTombstones(NODE)));
  t.same(core.store.view.tombstonesOf(NODE), []);
  t.match(core.session('one'), { desired: 'deleted', phase: 'none' });
});

t.test('the sessions of a node that was lost fail, cannot be recovered, and are deleted without it', async (t) => {
  const core = await withNode(t);
  await core.applier.submit(newSession({ id: id('one') }));
  await removes(core, true);
  // Its stream was being accepted at that moment.
  await core.applier.apply(nodeConnected(NODE, { ...greeting, hostname: 'h', keyHash: `key-${NODE}` }));
  t.match(row(core), { lostAt: Number, revokedAt: Number }, 'it does not come back');
  t.notOk(await core.applier.apply(failLostSessions(NODE)));
  t.match(core.session('one'), { desired: 'failed', reason: `host lost: the node ${NODE} was removed` });
  t.match(await core.applier.submit(changeDesired(id('one'), 'recover', 0)), {
    ok: false,
    refusal: { code: 'CONFLICT', message: /was removed, and had the only copy/ },
  });
  await core.applier.submit(removeSession(id('one'), 'asked'));
  t.same(core.store.view.tombstonesOf(NODE), [], 'nobody waits for what it will never say');
  t.match(core.session('one'), { desired: 'deleted', phase: 'none', volume: null });
  t.same(
    (await committedEvents(core.store.events)).filter(({ type }) => type === 'node.ready'),
    [],
  );
});

t.test('who may join under which name', async (t) => {
  const core = await withNode(t);
  let tokens = 0;
  const join = async (name: string, keyHash: string, connected: readonly string[] = []) => {
    const tokenId = `token-${++tokens}`;
    await core.applier.submit(createNodeToken({ id: tokenId, secretHash: 'h', ttlMs: 60_000, uses: 1, labels: {}, user: 'admin' }));
    const isConnected = (node: NodeId) => connected.includes(node);
    const joined = await core.applier.submit(
      joinNode({ id: `new-${tokens}` as NodeId, name, tokenId, secretHash: 'h', keyHash, isConnected }),
    );
    return joined.ok ? `${joined.value.id} as ${joined.value.name}` : joined.refusal.message;
  };
  const own = `key-${NODE}`;
  t.match(await join(NODE, 'another'), /"node-a" exists, with another key.*`raworc node remove node-a`/);
  t.match(await join(NODE, 'another', [NODE]), /"node-a" is connected. Choose another --name/);
  t.match(await join('copy', own, [NODE]), /"node-a" has the same key and is connected/);
  t.equal(await join(NODE, own), 'node-a as node-a', 'its own key');
  t.equal(row(core)?.incarnation, 2);
  t.equal(await join('renamed', own), 'node-a as renamed', 'a key is one node, whatever its name');
  t.equal(await join(NODE, 'another'), 'new-6 as node-a', 'the name that it gave up is free');
  await removes(core, true);
  t.equal(await join('renamed', 'third'), 'new-7 as renamed', 'so is that of a removed node');
  t.equal(await join('fresh', own), 'new-8 as fresh', 'a removed machine joins as a node of its own');
});

t.test('the row of a removed node goes once none of its certificates can be valid and no session refers to it', async (t) => {
  const DAY = 86_400_000;
  const clock = new HandClock();
  const core = await openCore({ nodes: [node(NODE)], clock });
  t.teardown(() => core.close());
  await joins(core, NODE);
  const now = core.applier.time.now();
  const certificate = { issuedAt: now, expiresAt: now + 30 * DAY, issuer: 'ca' };
  await core.applier.apply(nodeConnected(NODE, { ...greeting, hostname: 'h', keyHash: `key-${NODE}`, certificate }));
  await core.applier.submit(newSession({ id: id('one') }));
  const pruned = async () => {
    while (await core.applier.apply(pruneRemovedNodes(20 * DAY)));
    return row(core) === undefined;
  };
  t.notOk(await pruned(), 'not while it is there');
  await removes(core, true);
  await core.applier.apply(failLostSessions(NODE));
  await clock.advance(40 * DAY);
  t.notOk(await pruned(), 'a failed session names it');
  await core.applier.submit(removeSession(id('one'), 'asked'));
  t.ok(await pruned());
});

t.test('a removed node is known as long as its certificate, and as one that it can have been given just before', async (t) => {
  const DAY = 86_400_000;
  for (const [lifeDays, knownDays] of [
    [30, 30],
    [90, 30],
    [30, 60],
  ] as const) {
    const clock = new HandClock();
    const core = await openCore({ nodes: [node(NODE)], clock });
    t.teardown(() => core.close());
    await joins(core, NODE);
    const now = core.applier.time.now();
    const certificate = { issuedAt: now, expiresAt: now + knownDays * DAY, issuer: 'ca' };
    await core.applier.apply(nodeConnected(NODE, { ...greeting, hostname: 'h', keyHash: `key-${NODE}`, certificate }));
    await removes(core);
    const isKnownAfter = async (days: number) => {
      await clock.advance(days * DAY);
      await core.applier.apply(pruneRemovedNodes(lifeDays * DAY));
      return row(core) !== undefined;
    };
    t.ok(await isKnownAfter(Math.max(lifeDays, knownDays)), `${lifeDays} ${knownDays}`);
    t.notOk(await isKnownAfter(2));
  }
});
