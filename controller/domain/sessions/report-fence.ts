import type { NodeId } from '../engine/ids.ts';
import type { SessionRow } from './rows.ts';

/**
 * Whether a node can report on a session under a generation. `gone`: the session is deleted.
 * `foreign`: it is on another node. `stale`: it was placed there again since (adopted), and the
 * report is older.
 */
export type Speaker = 'yes' | 'gone' | 'foreign' | 'stale';

/** Reports from an older placement are refused, even if the network delayed them. */
export function speaksFor(session: SessionRow | undefined, nodeId: NodeId, generation: number): Speaker {
  if (session === undefined) return 'gone';
  if (session.nodeId !== nodeId) return 'foreign';
  if (session.desired === 'deleted') return 'gone';
  return generation < session.placedGeneration ? 'stale' : 'yes';
}
