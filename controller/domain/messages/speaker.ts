import type { NodeId } from '../engine/ids.ts';
import type { SessionRow } from '../sessions/rows.ts';

/**
 * Whether a node may say something of a session under a generation.
 * `gone`: nothing is wanted of it any more. `foreign`: it is another node's. `stale`: it was moved away and back since.
 */
export type Speaker = 'yes' | 'gone' | 'foreign' | 'stale';

/** The fence: what an older placement says is refused, whatever the network does. */
export function speaksFor(session: SessionRow | undefined, nodeId: NodeId, generation: number): Speaker {
  if (session === undefined) return 'gone';
  if (session.nodeId !== nodeId) return 'foreign';
  if (session.desired === 'deleted') return 'gone';
  return generation < session.placedGeneration ? 'stale' : 'yes';
}
