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
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#rate.perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return ((1 - this.#tokens) / this.#rate.perSecond) * 1000;
    this.#tokens -= 1;
    return undefined;
  }
}

/** Whose rate is remembered. */
const MOST_REMEMBERED = 10_000;

/** A token bucket for each: one that comes too often is turned away before it takes the place of others in a bucket that all share. */
export class AdmissionOfEach<Key> {
  readonly #rate: AdmissionRate;
  readonly #clock: Clock;
  readonly #each = new Map<Key, Admission>();

  constructor(rate: AdmissionRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** As {@link Admission.enter}. */
  enter(key: Key): number | undefined {
    const known = this.#each.get(key);
    const own = known ?? new Admission(this.#rate, this.#clock);
    if (known === undefined && this.#each.size >= MOST_REMEMBERED) this.#each.clear();
    this.#each.set(key, own);
    return own.enter();
  }
}
