import type { NodeId } from '../engine/ids.ts';
import type { SessionRow } from './rows.ts';

/**
 * Whether a node can report on a session under a generation. `gone`: the session is deleted.
 * `foreign`: it is on another node. `stale`: it was placed there again since (adopted), and the
 * report is older.
 */
export type ReporterCheck = 'yes' | 'gone' | 'foreign' | 'stale';

/** Returns whether a node's report on a session counts. Fences off reports of older placements. */
export function checkReporter(session: SessionRow | undefined, nodeId: NodeId, generation: number): ReporterCheck {
  if (session === undefined) return 'gone';
  if (session.nodeId !== nodeId) return 'foreign';
  if (session.desired === 'deleted') return 'gone';
  return generation < session.placedGeneration ? 'stale' : 'yes';
}
