/** What a node should have: its sessions, and slots that no session has taken yet. */
import type { NodeId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { SLOT_GENERATION, sessionOf } from '../../domain/slots/slot.ts';

type AssignedView = Pick<View, 'sessionsOnAfter' | 'statesOn' | 'slotsOnAfter'>;

/** Returns the rows of a node's sessions and slots, by id, after `after`, at most `limit`. */
export function assignedOnAfter(view: AssignedView, nodeId: NodeId, after: string, limit: number): readonly SessionRow[] {
  const slots = view.slotsOnAfter(nodeId, after, limit).map(sessionOf);
  return merged(view.sessionsOnAfter(nodeId, after, limit), slots, limit);
}

/** Like {@link assignedOnAfter}, with only what a comparison needs. */
export function assignedStates(
  view: AssignedView,
  nodeId: NodeId,
  after: string,
  limit: number,
): readonly Pick<SessionRow, 'id' | 'generation'>[] {
  const slots = view.slotsOnAfter(nodeId, after, limit).map(({ id }) => ({ id, generation: SLOT_GENERATION }));
  return merged<Pick<SessionRow, 'id' | 'generation'>>(view.statesOn(nodeId, after, limit), slots, limit);
}

function merged<Row extends Pick<SessionRow, 'id'>>(sessions: readonly Row[], slots: readonly Row[], limit: number): readonly Row[] {
  if (slots.length === 0) return sessions;
  return [...sessions, ...slots].toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
}
