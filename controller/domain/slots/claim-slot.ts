import type { Fleet, FleetNode } from '../engine/fleet.ts';
import type { NodeId } from '../engine/ids.ts';
import type { Need } from '../sessions/placement/filters.ts';
import { place } from '../sessions/placement/placement.ts';
import type { SlotKind, SlotRow } from './rows.ts';
import { isSameKind } from './slot.ts';
import type { SlotView } from './view.ts';

/** Slots that one claim considers. */
const CONSIDERED = 32;

/**
 * Returns the slot that a new session takes; undefined: it starts cold. Of several nodes, placement
 * chooses. Slots give way to sessions, so their room, too, is for requests that wait for it.
 */
export function slotFor(view: SlotView, fleet: Fleet, need: Need, kind: SlotKind): SlotRow | undefined {
  const slots = view.readySlots(need.spaceId, kind.image, CONSIDERED).filter((slot) => isSameKind(slot, kind));
  if (slots.length === 0) return undefined;
  const nodes = new Map<NodeId, FleetNode>();
  for (const { nodeId } of slots) {
    const node = nodes.has(nodeId) ? undefined : fleet.node(nodeId);
    if (node !== undefined) nodes.set(nodeId, node);
  }
  const placement = place([...nodes.values()], need, fleet.sizes);
  return placement.ok ? slots.find(({ nodeId }) => nodeId === placement.nodeId) : undefined;
}
