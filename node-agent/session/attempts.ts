import { restartDelayMs } from '../domain/restart-delay.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { Host } from '../host.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Failed } from './status-reporter.ts';

/** Consecutive failures of the engine after which the session fails. */
const MAX_FAILURES = 5;

export interface AttemptsDeps extends Pick<Host, 'clock' | 'log'> {
  readonly ledger: Pick<Ledger, 'assignment'>;
  imageMissing(sessionId: string, image: string): void;
  wakeAfter(delayMs: number): void;
}

/**
 * Interprets the engine's results of one session's steps: done, retry, wait, or failed at this
 * generation.
 */
export class Attempts {
  readonly #sessionId: string;
  readonly #deps: AttemptsDeps;
  #failures = 0;
  #notBeforeMs = 0;
  #failed: Failed | undefined;
  /**
   * Consecutive checks for a missing image. Its arrival wakes the session; the growing delay covers
   * an arrival that went unnoticed.
   */
  #imageMisses = 0;
  #goneImage: { readonly image: string; readonly reason: string } | undefined;

  constructor(sessionId: string, deps: AttemptsDeps) {
    this.#sessionId = sessionId;
    this.#deps = deps;
  }

  get failed(): Failed | undefined {
    return this.#failed;
  }

  /** Fails the session at its current generation. */
  fail(reason: string): void {
    const generation = this.#deps.ledger.assignment(this.#sessionId)?.generation;
    if (generation === undefined) return;
    this.#failed = { generation, reason };
    this.#deps.log.warn('session.failed', { session: this.#sessionId, generation, reason });
  }

  /** The image cannot be built again. */
  imageGone(image: string, reason: string): void {
    this.#goneImage = { image, reason };
  }

  /** Returns the milliseconds until the next create or start can be tried; 0: now. */
  waitMs(): number {
    return Math.max(0, Math.ceil(this.#notBeforeMs - this.#deps.clock.monotonic()));
  }

  /** Resets the count of failures. */
  forget(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }

  /**
   * Returns false if the session has nothing to do until it is woken. Throws for a step to retry
   * later.
   */
  judge(outcome: Outcome): boolean {
    if (outcome.ok) {
      this.#imageMisses = 0;
      return true;
    }
    switch (outcome.why) {
      case 'no-image':
        return this.#awaitImage(outcome.image ?? this.#deps.ledger.assignment(this.#sessionId)?.spec.image ?? '');
      case 'failed':
        return this.#engineFailed(outcome.reason);
      case 'refused':
        this.fail(outcome.reason);
        return true;
      case 'exists':
        return true;
      default:
        return outcome satisfies never;
    }
  }

  /**
   * Delays the next attempt even if the session is woken, because the failure itself can have
   * caused the wake-up. After the last allowed failure the session fails, and the count restarts.
   */
  #engineFailed(reason: string): true {
    this.#failures += 1;
    this.#notBeforeMs = this.#deps.clock.monotonic() + restartDelayMs(this.#failures + 1);
    if (this.#failures < MAX_FAILURES) throw new Error(reason);
    this.forget();
    this.fail(reason);
    return true;
  }

  /**
   * A missing image can be rebuilt, so the session fails only when the controller reports that it
   * cannot.
   */
  #awaitImage(image: string): boolean {
    const gone = this.#goneImage;
    this.#goneImage = undefined;
    if (gone?.image === image) {
      this.fail(gone.reason);
      return true;
    }
    this.#deps.imageMissing(this.#sessionId, image);
    this.#imageMisses += 1;
    this.#deps.wakeAfter(restartDelayMs(this.#imageMisses + 1));
    return false;
  }
}
