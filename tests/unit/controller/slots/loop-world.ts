/** What the tests of the loop of slots share. */
import type { Test } from 'tap';
import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import { createSession } from '../../../../controller/domain/sessions/commands/create-session.ts';
import type { SessionRow } from '../../../../controller/domain/sessions/rows.ts';
import type { SlotRow } from '../../../../controller/domain/slots/rows.ts';
import { changeSpace } from '../../../../controller/domain/spaces/commands/spaces.ts';
import { slotLoop } from '../../../../controller/services/slots/slot-loop.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { silentMetrics } from '../../../../seams/metrics.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { ACCOUNT, NODE, SPACE, silent } from '../core.ts';
import type { FakeNode } from '../fleet/world.ts';
import { cluster, hello, inventory, running } from '../fleet/world.ts';
import { loopsOf } from '../loops.ts';

const HEARTBEAT_MS = 3_000;

/** The reports of an inventory on slots that are ready. */
export const held = (slots: readonly SlotRow[]) => slots.map(({ id }) => running({ sessionId: id }));

/** A cluster with the loop of slots, and nodes whose frames tests say. */
export async function world(t: Test, nodes: readonly NodeId[] = [NODE], slotsBefore?: { readonly min: number }) {
  const clock = new HandClock();
  const { core, fleet, directory, connect } = await cluster(t, clock);
  Object.assign(core.fleet.sizes, { slots: 2 });
  // Commands place on the nodes that are connected.
  Object.assign(core.fleet, { nodes: () => directory.nodes(), node: (id: NodeId) => directory.node(id) });
  const loops = loopsOf(t, clock);
  const fakes = new Map<NodeId, FakeNode>();
  const connects = async (id: NodeId, greeting = hello(), holds: readonly NodeFrame[] = [], images: readonly string[] = []) => {
    const reports = holds.flatMap((frame) => (frame.kind === 'report' ? [frame.value] : []));
    const value = inventory.kind === 'inventory' && { ...inventory.value, sessions: reports, images: ['base', ...images] };
    const fake = connect(id, greeting, value ? { kind: 'inventory', value } : inventory);
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
  const grows: { refusal: string | undefined } = { refusal: undefined };
  slotLoop({
    ...{ loops, applier: core.applier, view: core.store.view, clock, random: systemRandom, log: silent, metrics: silentMetrics },
    ...{ directory, fleet, baseImage: 'base', growthRefusal: () => grows.refusal },
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
  return { core, directory, slots, say, create, isUp, later, connects, fakes, grows };
}
