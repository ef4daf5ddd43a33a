import type { AccountId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';
import type { SessionRow, TombstoneRow } from './rows.ts';

/** Sessions, and what they leave on nodes. */
export interface SessionView {
  /** Whether a session of that space is not deleted. */
  hasSessionIn(spaceId: SpaceId): boolean;
  /** Sessions placed on a node, but for the deleted, by id from the one after `after` on: at most `limit`. */
  sessionsOnAfter(nodeId: NodeId, after: string, limit: number): readonly SessionRow[];
  /** The same, and of each only what it takes to compare it. */
  statesOn(nodeId: NodeId, after: string, limit: number): readonly Pick<SessionRow, 'id' | 'generation' | 'phase'>[];
  /** Of these some that are not failed, at most `limit`. */
  unfailedOn(nodeId: NodeId, limit: number): readonly SessionRow[];
  /** By id, from the one after `after` on; all where no limit is given. */
  tombstonesOf(nodeId: NodeId, after?: string, limit?: number): readonly TombstoneRow[];
  /** Sessions that are to begin as a copy of that one's volume, and have not begun; counted up to `limit`. */
  copiesUnderWay(source: SessionId, limit: number): number;
  /** Where an account has made sessions that are not deleted. */
  spacesOfSessionsBy(accountId: AccountId): readonly SpaceId[];
  /** Sessions that are not deleted and have timeouts, by id. */
  sessionsWithTimeouts(after: string, limit: number): readonly SessionRow[];
}
