import type { Limits } from '../domain/session.ts';

/** Everything a driver must know to create one session's container and volume. */
export interface SessionPlan {
  readonly sessionId: string;
  /** A permanent label: tombstones up to at least this generation cover what is created. */
  readonly generation: number;
  readonly space: string;
  readonly image: string;
  readonly limits: Limits;
  /** Of its agents, and the owner of their files. No other session of this host has it. */
  readonly uid: number;
  /** On the host; the guest sees it read-only at /run/raworc. */
  readonly socketDirectory: string;
  /** The id of the disk that the session had before: no other is taken for it. */
  readonly disk?: string | undefined;
}
