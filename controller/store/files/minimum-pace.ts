import type { Clock, Timer } from '../../../seams/clock.ts';
import { type Outcome, refused } from '../../domain/engine/outcome.ts';

export const GRACE_MS = 10_000;
export const MIN_BYTES_PER_S = 16 * 1024;

/**
 * Enforces a minimum upload rate, averaged since the start, after a grace period. Counts only time
 * spent waiting for the client: a slow disk or a queue is not its fault.
 */
export class MinimumPace {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly #tooSlow: () => void;
  #bytes = 0;
  #waitedMs = 0;
  #since: number | undefined;
  #timer: Timer | undefined;
  #isTooSlow = false;

  /** Calls `tooSlow` once, when the client falls behind. */
  constructor(clock: Pick<Clock, 'monotonic' | 'after'>, tooSlow: () => void) {
    this.#clock = clock;
    this.#tooSlow = tooSlow;
  }

  /** Starts waiting for the client. */
  wait(): void {
    this.#since = this.#clock.monotonic();
    const leftMs = GRACE_MS + (this.#bytes / MIN_BYTES_PER_S) * 1000 - this.#waitedMs;
    this.#timer = this.#clock.after(Math.max(0, leftMs), () => {
      this.#isTooSlow = true;
      this.#tooSlow();
    });
  }

  came(bytes: number): void {
    this.#bytes += bytes;
    this.stop();
  }

  stop(): void {
    if (this.#since !== undefined) this.#waitedMs += this.#clock.monotonic() - this.#since;
    this.#since = undefined;
    this.#timer?.cancel();
  }

  /** Undefined while the client keeps up. */
  get refusal(): (Outcome<never> & { readonly ok: false }) | undefined {
    if (!this.#isTooSlow) return undefined;
    return refused(
      'REQUEST_TIMEOUT',
      `The upload is too slow: after ${GRACE_MS / 1000} s it must average ${MIN_BYTES_PER_S / 1024} KiB per second. Retry over a faster connection.`,
      { grace_s: GRACE_MS / 1000, least_bytes_per_s: MIN_BYTES_PER_S },
    );
  }
}
