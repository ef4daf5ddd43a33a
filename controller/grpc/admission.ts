import type { Clock } from '../../seams/clock.ts';

export interface AdmissionRate {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * A token bucket before what is expensive to begin. When a controller starts, every node comes back at the same moment;
 * each then costs an inventory and a full assignment set.
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

  /** Undefined: come in. Else the milliseconds after which there is room for one, if no one else comes. */
  enter(): number | undefined {
    const waitMs = this.waitMs();
    if (waitMs === undefined) this.#tokens -= 1;
    return waitMs;
  }

  /** As {@link enter}, and takes nothing. */
  waitMs(): number | undefined {
    return this.tokens() < 1 ? ((1 - this.#tokens) / this.#rate.perSecond) * 1000 : undefined;
  }

  /** What is left, of `burst` at most. */
  tokens(): number {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#rate.perSecond);
    this.#filledAt = now;
    return this.#tokens;
  }
}

/** Whose rate is remembered. */
const MAX_REMEMBERED = 10_000;

/** A token bucket for each: one that comes too often is turned away before it takes the place of others in a bucket that all share. */
export class AdmissionOfEach<Key> {
  readonly #rate: AdmissionRate;
  readonly #clock: Clock;
  /** The one that came last is at the end. */
  readonly #each = new Map<Key, Admission>();

  constructor(rate: AdmissionRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** As {@link Admission.enter}. */
  enter(key: Key): number | undefined {
    return this.of(key).enter();
  }

  of(key: Key): Admission {
    const own = this.#each.get(key) ?? new Admission(this.#rate, this.#clock);
    // Only the one that came least recently is forgotten: a stranger with many addresses frees nobody else from their pace.
    this.#each.delete(key);
    this.#each.set(key, own);
    if (this.#each.size > MAX_REMEMBERED) {
      const [oldest] = this.#each.keys();
      if (oldest !== undefined) this.#each.delete(oldest);
    }
    return own;
  }
}
