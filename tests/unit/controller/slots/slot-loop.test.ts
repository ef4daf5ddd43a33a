/** The loop that keeps slots: how many, when, where, and what ends them. */
import t, { type Test } from 'tap';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { updateNode } from '../../../../controller/domain/nodes/commands/manage-node.ts';
import { createSession } from '../../../../controller/domain/sessions/commands/create-session.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { SlotRow } from '../../../../controller/domain/slots/rows.ts';
import { changeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { REMEMBERED_MS } from '../../../../controller/services/slots/demand.ts';
import { slotLoop } from '../../../../controller/services/slots/slot-loop.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { ACCOUNT, NODE, OTHER_NODE, SPACE, silent } from '../core.ts';
import type { FakeNode } from '../fleet/world.ts';
import { cluster, hello, inventory, running } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const HEARTBEAT_MS = 3_000;

const held = (slots: readonly SlotRow[]) => slots.map(({ id }) => running({ sessionId: id }));

async function world(t: Test, nodes: readonly NodeId[] = [NODE], slotsBefore?: { readonly min: number }) {
  const clock = new HandClock();
  const { core, fleet, directory, connect } = await cluster(t, clock);
  Object.assign(core.fleet.sizes, { slots: 2 });
  // Commands place on the nodes that are connected.
  Object.assign(core.fleet, { nodes: () => directory.nodes(), node: (id: NodeId) => directory.node(id) });
  const loops = loopsOf(t, clock);
  const fakes = new Map<NodeId, FakeNode>();
  const connects = async (id: NodeId, greeting = hello(), holds: readonly NodeFrame[] = []) => {
    const reports = holds.flatMap((frame) => (frame.kind === 'report' ? [frame.value] : []));
    const fake = connect(
      id,
      greeting,
      inventory.kind === 'inventory' ? { ...inventory, value: { ...inventory.value, sessions: reports } } : inventory,
    );
    fakes.set(id, fake);
    await fake.until(() => fake.of('assignmentSet')[0]);
    fake.say({ kind: 'setPartTaken', value: { setId: fake.of('assignmentSet')[0]?.setId ?? '', part: 1 } });
    await later();
  };
  let heartbeat = 0;
  const later = async (ms = 100) => {
    for (let left = ms; left > 0; left -= HEARTBEAT_MS) {
      heartbeat += 1;
      for (const fake of fakes.values()) fake.say({ kind: 'heartbeat', value: { number: heartbeat } });
      await clock.advance(Math.min(left, HEARTBEAT_MS));
    }
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    await clock.advance(1);
  };
  if (slotsBefore !== undefined) await core.applier.apply(changeSpace(SPACE, { settings: { slots: slotsBefore } }, true));
  slotLoop({
    ...{ loops, applier: core.applier, view: core.store.view, clock, random: systemRandom, log: silent, metrics: silentMetrics },
    ...{ directory, fleet, baseImage: 'base' },
  });
  loops.start();
  for (const id of nodes) await connects(id);
  const slots = () => core.store.view.slotsIn(SPACE);
  const say = async (slot: SlotRow | undefined, phase: 'RUNNING' | 'STARTING' | 'FAILED') => {
    if (slot === undefined) throw new Error('there is no such slot');
    fakes.get(slot.nodeId)?.say(running({ sessionId: slot.id, phase }));
    await later(0);
  };
  const create = async () => {
    const created = await core.applier.apply(
      createSession({
        ...{ id: systemRandom.uuid() as SessionId, spaceId: SPACE, name: null, metadata: {}, timeouts: {}, baseImage: 'base' },
        ...{ by: { accountId: ACCOUNT, user: 'admin' }, request: undefined },
      }),
    );
    if (!created.ok) throw new Error(created.refusal.message);
    return core.session(created.value.id);
  };
  const isUp = async ({ id, nodeId, generation }: SessionRow) => {
    fakes.get(nodeId ?? NODE)?.say(running({ sessionId: id, generation }));
    await later();
  };
  return { core, slots, say, create, isUp, later, connects };
}

t.test('a space in use has a slot, one that is not has none, and demand that ends takes it away', async (t) => {
  const { slots, say, create, isUp, later } = await world(t);
  await later(60_000);
  t.equal(slots().length, 0);
  const session = await create();
  await later();
  t.equal(slots().length, 0, 'the session starts first');
  await isUp(session);
  t.equal(slots().length, 1);
  await say(slots()[0], 'RUNNING');
  await later(120_000);
  t.match(slots(), [{ phase: 'running' }]);
  await later(REMEMBERED_MS + 60_000);
  t.equal(slots().length, 0);
});

t.test('a node starts one slot after another, with rests, and a claimed one is replaced', async (t) => {
  const { core, slots, say, create, isUp, later } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 3, max: 3 } } }, true));
  await later();
  t.equal(slots().length, 1);
  await later(4_000);
  t.equal(slots().length, 1, 'the first one still starts');
  await say(slots()[0], 'RUNNING');
  t.equal(slots().length, 1, 'its node rests');
  await later(5_000);
  t.equal(slots().length, 2);
  const [first] = slots();
  const claimed = await create();
  t.equal(claimed.id, first?.id);
  t.equal(slots().length, 1);
  await say(slots()[0], 'RUNNING');
  await isUp(claimed);
  for (let one = 0; one < 2; one += 1) {
    await later(10_000);
    await say(
      slots().find(({ phase }) => phase === 'none'),
      'RUNNING',
    );
  }
  t.equal(slots().filter(({ phase }) => phase === 'running').length, 3);
  await later(60_000);
  t.equal(slots().length, 3);
});

t.test('a space whose slots fail tries again later and later, and one that never gets ready is given up', async (t) => {
  const { core, slots, say, later } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  await say(slots()[0], 'FAILED');
  t.equal(slots().length, 0);
  await later(4_000);
  t.equal(slots().length, 0);
  await later(2_000);
  t.equal(slots().length, 1);
  await say(slots()[0], 'FAILED');
  await later(9_000);
  t.equal(slots().length, 0, 'it waits twice as long');
  await later(2_000);
  const stuck = slots()[0]?.id;
  t.ok(stuck);
  await later(121_000);
  t.not(slots()[0]?.id, stuck);
  t.equal(slots().length, 1);
});

t.test('slots leave a node that is cordoned, and those of other sizes go when the settings change', async (t) => {
  const { core, slots, say, later } = await world(t, [NODE, OTHER_NODE]);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 2 } } }, true));
  await later();
  t.strictSame(
    slots()
      .map(({ nodeId }) => nodeId)
      .toSorted(),
    [NODE, OTHER_NODE],
    'two nodes start one each',
  );
  for (const slot of slots()) await say(slot, 'RUNNING');
  await core.applier.submit(updateNode(NODE, { schedulable: false }, 'admin'));
  await later();
  t.strictSame([...new Set(slots().map(({ nodeId }) => nodeId))], [OTHER_NODE]);
  const before = slots().map(({ id }) => id);
  const resources = { limits: { memory_bytes: 600 * 2 ** 20 } };
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 }, resources } }, true));
  await later(5_000);
  t.notOk(slots().some(({ id }) => before.includes(id)));
});

t.test('slots leave a node that comes back with less than its sessions and slots take up', async (t) => {
  const { core, slots, say, create, isUp, later, connects } = await world(t);
  await isUp(await create());
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  await say(slots()[0], 'RUNNING');
  await later(60_000);
  t.match(slots(), [{ phase: 'running' }]);
  const memoryBytes = slots()[0]?.requests.memoryBytes ?? 0;
  await connects(
    NODE,
    hello({ capacity: { cpuMillis: 4000, memoryBytes, sessions: 0, processes: 0, diskBytes: 0, most: null } }),
    held(slots()),
  );
  await later(10_000);
  t.strictSame(slots(), []);
});

t.test('a slot that was ready and does not get ready again is given up, so that its node can start others', async (t) => {
  const { core, slots, say, later } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  const [slot] = slots();
  await say(slot, 'RUNNING');
  await later(300_000);
  t.match(slots(), [{ id: slot?.id, phase: 'running' }], 'one that is ready stays');
  await say(slot, 'STARTING');
  await later(60_000);
  t.match(slots(), [{ id: slot?.id, phase: 'starting' }], 'it can come back');
  await later(121_000);
  t.equal(slots().length, 1);
  t.not(slots()[0]?.id, slot?.id);
});

t.test('a node agent of the release before gets no slots, and loses those that it has', async (t) => {
  const { core, slots, say, later, connects } = await world(t);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 1 } } }, true));
  await later();
  await say(slots()[0], 'RUNNING');
  await later(20_000);
  t.match(slots(), [{ phase: 'running' }]);
  await connects(NODE, hello({ takesSlots: false }), held(slots()));
  await later(120_000);
  t.strictSame(slots(), []);
});

t.test('a slot that its node does not have any more ends before a session can take it', async (t) => {
  const { core, slots, say, create, later, connects } = await world(t, [NODE, OTHER_NODE]);
  await core.applier.apply(changeSpace(SPACE, { settings: { slots: { min: 2 } } }, true));
  await later();
  for (const slot of slots()) await say(slot, 'RUNNING');
  const [gone, kept] = [slots().find(({ nodeId }) => nodeId === NODE), slots().find(({ nodeId }) => nodeId === OTHER_NODE)];
  await connects(OTHER_NODE, hello(), held(slots().filter(({ nodeId }) => nodeId === OTHER_NODE)));
  t.match(core.store.view.get('slots', kept?.id ?? ('' as SessionId)), { phase: 'running' });
  await connects(NODE, hello());
  t.equal(core.store.view.get('slots', gone?.id ?? ('' as SessionId)), undefined);
  t.match(core.store.view.get('tombstones', gone?.id ?? ('' as SessionId)), { nodeId: NODE, upToGeneration: 1 });
  t.not((await create()).id, gone?.id);
});

t.test('a controller that starts keeps the slots that settings ask for, though there are none', async (t) => {
  const { slots, later } = await world(t, [NODE], { min: 1 });
  await later(15_000);
  t.equal(slots().length, 1);
});
