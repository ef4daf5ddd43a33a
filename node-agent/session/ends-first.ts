import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';

/** A container that cannot be stopped holds back the others for no longer. */
export const ENDS_WITHIN_MS = 30_000;

export interface EndsFirstDeps {
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
  /** Called for each session that was held back, once it can start. */
  wake(sessionId: string): void;
}

/**
 * A node that was away stops what is no longer its own before it starts anything: until the
 * containers that the controller's set ends are gone, no other one is created or started.
 */
export class EndsFirst {
  readonly #deps: EndsFirstDeps;
  readonly #awaited = new Set<string>();
  readonly #heldBack = new Set<string>();
  #timer: Timer | undefined;

  constructor(deps: EndsFirstDeps) {
    this.#deps = deps;
  }

  await(sessionId: string): void {
    this.#awaited.add(sessionId);
    this.#timer ??= this.#deps.clock.after(ENDS_WITHIN_MS, () => {
      this.#deps.log.warn('sessions.not_ended', { sessions: [...this.#awaited].join(' ') });
      this.close();
    });
  }

  /** Returns false if the session has to wait until it is woken. */
  mayStart(sessionId: string): boolean {
    if (this.#awaited.size > 0) this.#heldBack.add(sessionId);
    return this.#awaited.size === 0;
  }

  /** The session has no container that runs. */
  ended(sessionId: string): void {
    if (this.#awaited.delete(sessionId) && this.#awaited.size === 0) this.close();
  }

  /** Holds back nothing any more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#awaited.clear();
    const heldBack = [...this.#heldBack];
    this.#heldBack.clear();
    for (const sessionId of heldBack) this.#deps.wake(sessionId);
  }
}
