import type { Phase } from './session.ts';

/** One step with a session's volume. */
export type VolumeJob =
  /** Journalled before the call. */
  | { readonly kind: 'create-volume'; readonly generation: number }
  /** Starts what copies the source; it waits for `start-copy`. */
  | { readonly kind: 'prepare-copy' }
  /** The source is kept still from now on. */
  | { readonly kind: 'hold-source' }
  | { readonly kind: 'start-copy' }
  /** The whole source was read. */
  | { readonly kind: 'release-source' }
  /** The copy succeeded: the volume is the session's own. */
  | { readonly kind: 'keep-copy'; readonly generation: number }
  /** Discards what was copied and releases the source. */
  | { readonly kind: 'end-copy' }
  | { readonly kind: 'remove-volume' };

/** The next step for a session. After each step, the session is observed again. */
export type Step =
  /**
   * The session is in its desired state, or as near to it as possible now. `phase` is what to
   * report; undefined reports nothing.
   */
  | { readonly kind: 'rest'; readonly phase: Phase | undefined }
  | { readonly kind: 'listen' }
  | { readonly kind: 'stop-listening' }
  | { readonly kind: 'volume'; readonly job: VolumeJob }
  /** Journalled before the call; starts nothing. */
  | { readonly kind: 'create-container'; readonly generation: number }
  /** The outcome of the pending create is now known. */
  | { readonly kind: 'settle-create' }
  | { readonly kind: 'start' }
  | { readonly kind: 'pause' }
  /** Pauses the container briefly for a copy of its volume. */
  | { readonly kind: 'freeze' }
  | { readonly kind: 'unpause' }
  /** Its guest accepts no more messages, and finishes. */
  | { readonly kind: 'drain' }
  /** A drain is cancelled. */
  | { readonly kind: 'cancel-drain' }
  /** Removes one container. Repeated while there are more. */
  | { readonly kind: 'remove-container' }
  /** Nothing covered by the tombstone is left. */
  | { readonly kind: 'removed'; readonly upToGeneration: number }
  | { readonly kind: 'fail'; readonly reason: string };

export type StepName = Exclude<Step['kind'], 'volume'> | VolumeJob['kind'];

export const nameOf = (step: Step): StepName => (step.kind === 'volume' ? step.job.kind : step.kind);
