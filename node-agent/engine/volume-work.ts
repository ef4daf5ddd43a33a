import type { SessionPlan } from './session-plan.ts';

export interface CopyPlan {
  /** The session whose volume becomes the copy. The volume exists; its content is discarded. */
  readonly sessionId: string;
  /** The session whose volume is copied. It is only read. */
  readonly from: string;
  readonly space: string;
  /** The image that provides the shell and cp for the copy. */
  readonly image: string;
}

/**
 * An engine's operations on a session's volume. All are idempotent. A copy keeps owners, modes,
 * times and links. It continues when the node agent exits, and the next one finds it.
 */
export type VolumeWork =
  | { readonly kind: 'create-volume'; readonly plan: SessionPlan }
  /** Creates the copier, which waits until it is started, unless it exists. */
  | { readonly kind: 'prepare-copy'; readonly plan: CopyPlan }
  /**
   * Empties the volume and starts copying, unless it has started. Calls `read` once the source is
   * no longer needed, if it can. The end is reported as a change of the session.
   */
  | { readonly kind: 'start-copy'; readonly sessionId: string; readonly read: () => void }
  /** Stops the copy at any point. */
  | { readonly kind: 'end-copy'; readonly sessionId: string }
  | { readonly kind: 'remove-volume'; readonly sessionId: string };

export type CopySeen =
  /** `alive`: it is waiting or copying. */
  | { readonly state: 'none' | 'alive' | 'copied' }
  /**
   * `passing`: something interrupted it, and another attempt can succeed. `reason` is one sentence
   * for the user.
   */
  | { readonly state: 'broken'; readonly passing: boolean; readonly reason: string };
