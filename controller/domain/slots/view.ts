import type { NodeId, SpaceId } from '../engine/ids.ts';
import type { SlotRow } from './rows.ts';

export interface SlotView {
  /** Returns the slots of a space, the oldest first. Their number is bounded by MAX_SLOTS in slot-settings.ts. */
  slotsIn(spaceId: SpaceId): readonly SlotRow[];
  /** Returns slots of a space with this image that can be claimed, the oldest first, at most `limit`. */
  readySlots(spaceId: SpaceId, image: string, limit: number): readonly SlotRow[];
  /** Returns the slots on a node, by id, after `after`, at most `limit`. */
  slotsOnAfter(nodeId: NodeId, after: string, limit: number): readonly SlotRow[];
  /** Returns the spaces that have slots, or whose settings say how many, by id, after `after`, at most `limit`. */
  spacesWithSlots(after: string, limit: number): readonly SpaceId[];
}
