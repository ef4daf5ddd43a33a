import type { Clock } from '../../seams/clock.ts';

export interface AdmissionRate {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * A token bucket in front of expensive starts. When a controller starts, all nodes reconnect at
 * once, and each costs an inventory and a full assignment set.
 */
export class Admission {
  readonly #rate: AdmissionRate;
  readonly #clock: Clock;
  #tokens: number;
  #filledAt: number;

  constructor(rate: AdmissionRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledAt = clock.monotonic();
  }

  /**
   * Takes a token and returns undefined if there is one; otherwise returns the milliseconds until
   * the next token.
   */
  enter(): number | undefined {
    const waitMs = this.waitMs();
    if (waitMs === undefined) this.#tokens -= 1;
    return waitMs;
  }

  /** Like {@link enter}, but takes nothing. */
  waitMs(): number | undefined {
    return this.tokens() < 1 ? ((1 - this.#tokens) / this.#rate.perSecond) * 1000 : undefined;
  }

  /** Tokens left, at most `burst`. */
  tokens(): number {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#rate.perSecond);
    this.#filledAt = now;
    return this.#tokens;
  }
}

/** Keys whose rate is remembered. */
const MAX_REMEMBERED = 10_000;

/**
 * A token bucket per key, so that a frequent caller is refused before it drains a bucket that all
 * share.
 */
export class AdmissionOfEach<Key> {
  readonly #rate: AdmissionRate;
  readonly #clock: Clock;
  /** In order of use: the most recent key is last. */
  readonly #each = new Map<Key, Admission>();

  constructor(rate: AdmissionRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Like {@link Admission.enter}. */
  enter(key: Key): number | undefined {
    return this.of(key).enter();
  }

  of(key: Key): Admission {
    const own = this.#each.get(key) ?? new Admission(this.#rate, this.#clock);
    // Forget only the least recently used key: a caller with many addresses resets nobody else's
    // rate.
    this.#each.delete(key);
    this.#each.set(key, own);
    if (this.#each.size > MAX_REMEMBERED) {
      const [oldest] = this.#each.keys();
      if (oldest !== undefined) this.#each.delete(oldest);
    }
    return own;
  }
}
