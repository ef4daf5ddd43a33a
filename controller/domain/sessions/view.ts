import type { AccountId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';
import type { SessionRow, TombstoneRow } from './rows.ts';

/** Sessions, and their tombstones. */
export interface SessionView {
  /** Whether the space has a session that is not deleted. */
  hasSessionIn(spaceId: SpaceId): boolean;
  /** Returns a page of them: at most `limit`, by id, after `after`. */
  sessionsOnAfter(nodeId: NodeId, after: string, limit: number): readonly SessionRow[];
  /** Returns the same page with only the fields needed to compare it. */
  statesOn(nodeId: NodeId, after: string, limit: number): readonly Pick<SessionRow, 'id' | 'generation' | 'phase'>[];
  /** Returns at most `limit` of them that are not failed. */
  unfailedOn(nodeId: NodeId, limit: number): readonly SessionRow[];
  /** Returns tombstones of a node by id, after `after`; all when there is no limit. */
  tombstonesOf(nodeId: NodeId, after?: string, limit?: number): readonly TombstoneRow[];
  /** Counts pending copies of that session's volume, up to `limit`. */
  copiesUnderWay(source: SessionId, limit: number): number;
  /** Returns the spaces in which an account created sessions that are not deleted. */
  spacesOfSessionsBy(accountId: AccountId): readonly SpaceId[];
  /** Returns sessions with timeouts that are not deleted, by id. */
  sessionsWithTimeouts(after: string, limit: number): readonly SessionRow[];
}
