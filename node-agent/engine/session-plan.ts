import type { Limits, SessionProfile } from '../domain/session.ts';

/** Everything a driver must know to create one session's container and volume. */
export interface SessionPlan {
  readonly sessionId: string;
  /** A permanent label: tombstones up to at least this generation cover what is created. */
  readonly generation: number;
  readonly space: string;
  readonly image: string;
  /** Undefined: locked. */
  readonly profile?: SessionProfile | undefined;
  readonly limits: Limits;
  /** The user id of its agents and their files, unique among the sessions of this host. */
  readonly uid: number;
  /** A path on the host; the guest sees it read-only at /run/raworc. */
  readonly socketDirectory: string;
  /** The id of the session's existing disk: a disk with another id is not the session's. */
  readonly disk?: string | undefined;
}
