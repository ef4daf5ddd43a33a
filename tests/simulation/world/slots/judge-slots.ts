import type { NodeId, SessionId } from '../../../../controller/domain/engine/ids.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import { largestMaxima } from '../../../../controller/domain/sessions/placement/filters.ts';
import { sizesOf } from '../../../../controller/domain/sessions/session-sizes.ts';
import { placeSlot } from '../../../../controller/domain/slots/commands/start-slot.ts';
import type { Cluster } from '../cluster.ts';
import type { Machine } from '../machine.ts';
import { isRemoved } from '../maintenance.ts';
import { IMAGE, SPACES } from '../store.ts';

/** `slots` of a space's settings. */
interface Asked {
  readonly min?: number;
  readonly max?: number;
  readonly profile?: string;
}

/** Why a slot of this machine is not at rest. */
export function unreadySlot(view: View, { id, name, host }: Machine): string | undefined {
  for (const slot of view.slotsOnAfter(id as NodeId, '', 1000)) {
    const state = host.containers.get(slot.id)?.state;
    if (slot.phase !== 'running' || state !== 'running') return `the slot ${slot.id} on ${name} is ${slot.phase}, its container ${state}`;
  }
  return undefined;
}

/** Why a space is still to get a slot. */
export function lackingSlot({ view, controller }: Pick<Cluster, 'view' | 'controller'>): string | undefined {
  const directory = controller?.core.directory;
  if (directory === undefined || controller?.isPrevious === true) return undefined;
  for (const { id, name } of SPACES) {
    const space = view.get('spaces', id);
    const { min = 0, max = min, profile = 'locked' } = (space?.settings.slots ?? {}) as Asked;
    const slots = view.slotsIn(id);
    if (space?.active !== true || profile !== 'locked' || slots.length >= Math.min(min, max)) continue;
    const sizes = sizesOf(directory.sizes, space.settings, {}, { profile, nodes: largestMaxima(directory.nodes()) });
    if (!sizes.ok) continue;
    const build = view.newestBuild(id, 'completed');
    const kind = { image: build?.image ?? IMAGE, profile, imageName: null, build, ...sizes.value } as const;
    const node = placeSlot(view, directory, { id: '' as SessionId, spaceId: id, kind, isFree: () => true });
    if (node !== undefined) return `${name} has ${slots.length} slots of ${min}, and ${node.name} has room for one`;
  }
  return undefined;
}

/** At rest, each slot is ready on its node, and no space has more than it may. */
export function judgeSlots(cluster: Cluster): void {
  const { view, machines, auditors, violation } = cluster;
  for (const { id, name } of SPACES) {
    const image = view.newestBuild(id, 'completed')?.image ?? IMAGE;
    const slots = view.slotsIn(id);
    const most = mostIn(view.get('spaces', id)?.settings.slots, cluster.slots);
    if (slots.length > most) violation(`${name} has ${slots.length} slots of at most ${most}`);
    for (const slot of slots) {
      const machine = machines.find((one) => one.id === slot.nodeId);
      const node = view.get('nodes', slot.nodeId);
      if (slot.image !== image) violation(`the slot ${slot.id} has ${slot.image}, new sessions of ${name} have ${image}`);
      if (node?.cordonedAt != null || node?.drain != null) violation(`the slot ${slot.id} is on ${node.name}, which takes no sessions`);
      const container = machine?.host.containers.get(slot.id);
      if (machine === undefined || isRemoved(cluster, machine)) violation(`the slot ${slot.id} is on no machine`);
      else if (container?.state !== 'running') violation(`the container of the slot ${slot.id} is ${container?.state}`);
      else if (container.id !== slot.containerId) violation(`the container of the slot ${slot.id} is not the one in the store`);
      else if (!machine.host.volumes.has(slot.id)) violation(`the slot ${slot.id} has no volume`);
      if (auditors.slots.rows.get(slot.id)?.phase !== slot.phase) violation(`the slot ${slot.id} is not as it was committed`);
    }
  }
}

/** `slots` of a space's settings, in whose absence the operator's number counts. */
function mostIn(slots: unknown, usual: number): number {
  const { min = 0, max } = (slots ?? {}) as Asked;
  return max ?? Math.max(usual, min);
}
