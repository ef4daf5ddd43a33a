import type { Rate } from './limits.ts';

export interface Left {
  /** How many more could be charged now. */
  readonly remaining: number;
  /** Milliseconds after which the bucket is full again. */
  readonly fullInMs: number;
}

/** Buckets that are not full. Past it, keys that are new share one bucket. */
export const MOST_BUCKETS = 50_000;
const FIRST_SWEEP = 1024;
const FULL_SWEEP_MS = 1000;
const SHARED = '\u0000shared';

/**
 * Token buckets by key, each as the moment at which it is full again (the generic cell rate algorithm, ATM Forum TM 4.0). A full bucket is
 * equal to none, so forgetting full ones changes nothing, and nobody can empty the table of buckets that are not full.
 */
export class RateTable {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** When each is full, in milliseconds of the caller's clock. */
  readonly #fullAt = new Map<string, number>();
  #sweepAt = FIRST_SWEEP;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: Rate) {
    this.#intervalMs = 1000 / perSecond;
    this.#burstMs = burst * this.#intervalMs;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** How many milliseconds must pass before so many can be charged; 0 when they can be now. A full bucket covers any amount. */
  waitMs(key: string, amount: number, now: number): number {
    const usedMs = this.#usedMs(key, now);
    return usedMs === 0 ? 0 : Math.max(0, Math.min(usedMs, usedMs + amount * this.#intervalMs - this.#burstMs));
  }

  /** Charges, also beyond what is there; a negative amount is given back. */
  charge(key: string, amount: number, now: number): void {
    const fullAt = now + this.#usedMs(key, now) + amount * this.#intervalMs;
    if (!this.#fullAt.has(key) && this.#fullAt.size >= this.#sweepAt) this.#sweep(now);
    this.#fullAt.set(this.#bucketOf(key), fullAt);
  }

  /** What is left of a bucket. */
  look(key: string, now: number): Left {
    const usedMs = this.#usedMs(key, now);
    // The sums of fractions may miss a whole number by a little.
    return { remaining: Math.max(0, Math.floor((this.#burstMs - usedMs) / this.#intervalMs + 1e-6)), fullInMs: usedMs };
  }

  #usedMs(key: string, now: number): number {
    return Math.max(0, (this.#fullAt.get(this.#bucketOf(key)) ?? 0) - now);
  }

  #bucketOf(key: string): string {
    return this.#fullAt.size < MOST_BUCKETS || this.#fullAt.has(key) ? key : SHARED;
  }

  /** Costs little for each charge: the next one waits until the table has doubled. In a full table, there is one at most a second. */
  #sweep(now: number): void {
    if (this.#sweepAt >= MOST_BUCKETS && now - this.#sweptAt < FULL_SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(key);
    this.#sweepAt = Math.min(MOST_BUCKETS, Math.max(FIRST_SWEEP, 2 * this.#fullAt.size));
  }
}
