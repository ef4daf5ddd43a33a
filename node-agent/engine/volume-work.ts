import type { SessionPlan } from './session-plan.ts';

export interface CopyPlan {
  /** Whose volume becomes the copy; it is there, and what it holds is discarded. */
  readonly sessionId: string;
  /** Whose volume is copied. It is only read. */
  readonly from: string;
  readonly space: string;
  /** What copies is in it: a shell and cp. */
  readonly image: string;
}

/**
 * What an engine does with a session's volume; each is idempotent. A copy keeps owners, modes,
 * times and links. It continues when the node agent is shutting down, and is found again.
 */
export type VolumeWork =
  | { readonly kind: 'create-volume'; readonly plan: SessionPlan }
  /** The copier is there afterwards, and waits to be started, unless it was. */
  | { readonly kind: 'prepare-copy'; readonly plan: CopyPlan }
  /**
   * Empties the volume and begins, unless it has begun. Calls `read` when the source is needed no
   * more, if it can. The end is reported as a change of the session.
   */
  | { readonly kind: 'start-copy'; readonly sessionId: string; readonly read: () => void }
  /** However far it is. */
  | { readonly kind: 'end-copy'; readonly sessionId: string }
  | { readonly kind: 'remove-volume'; readonly sessionId: string };

export type CopySeen =
  /** `alive`: it waits, or copies. */
  | { readonly state: 'none' | 'alive' | 'copied' }
  /**
   * `passing`: it was ended from outside, and another try may succeed. `reason` is one sentence for
   * a person.
   */
  | { readonly state: 'broken'; readonly passing: boolean; readonly reason: string };
