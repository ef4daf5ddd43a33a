import type { AccountId, NodeId, SessionId, SpaceId } from '../engine/ids.ts';
import type { Desired, Phase, SessionRow, TombstoneRow } from './rows.ts';

/** A number of sessions that are in the same state. */
export interface SessionCount {
  readonly desired: Exclude<Desired, 'deleted'>;
  readonly phase: Phase;
  /** Whether messages are outstanding. */
  readonly outstanding: 0 | 1;
  readonly count: number;
}

/** Sessions, and their tombstones. */
export interface SessionView {
  /** Returns whether a space has a session that is not deleted. */
  hasSessionIn(spaceId: SpaceId): boolean;
  /** Returns the sessions on a node that are not deleted, by id, after `after`, at most `limit`. */
  sessionsOnAfter(nodeId: NodeId, after: string, limit: number): readonly SessionRow[];
  /** Like {@link sessionsOnAfter}, with only the fields for a comparison. */
  statesOn(nodeId: NodeId, after: string, limit: number): readonly Pick<SessionRow, 'id' | 'generation' | 'phase'>[];
  /** Counts the sessions on a node that are not deleted. */
  sessionsOn(nodeId: NodeId): number;
  /** Sessions on a node that are neither deleted nor failed, at most `limit`. */
  unfailedOn(nodeId: NodeId, limit: number): readonly SessionRow[];
  /**
   * Sessions on a node that a drain suspends now: those that are idle or paused; with `busyToo`, all
   * that are desired running.
   */
  drainableOn(nodeId: NodeId, busyToo: boolean, limit: number): readonly SessionRow[];
  /**
   * Counts the sessions on a node that have not stopped: desired running or paused, or not yet
   * reported suspended or failed.
   */
  unstoppedOn(nodeId: NodeId): readonly SessionCount[];
  /** Sessions on a node that wake when they can. */
  wakeWantedOn(nodeId: NodeId, limit: number): readonly SessionRow[];
  /** By id, after `after`; all without a limit. */
  tombstonesOf(nodeId: NodeId, after?: string, limit?: number): readonly TombstoneRow[];
  /** Counts the sessions that will copy that one's volume and have not started, up to `limit`. */
  copiesUnderWay(source: SessionId, limit: number): number;
  /** Spaces in which an account has created sessions that are not deleted. */
  spacesOfSessionsBy(accountId: AccountId): readonly SpaceId[];
  /** Sessions with timeouts that are not deleted, by id. */
  sessionsWithTimeouts(after: string, limit: number): readonly SessionRow[];
}
