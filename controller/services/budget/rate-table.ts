import type { Rate } from './limits.ts';

interface Bucket {
  /** In milliseconds of the caller's clock. */
  fullAt: number;
}

/** Buckets that are not full. Past it, keys that are new share one bucket. */
export const MAX_BUCKETS = 50_000;
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
  readonly #buckets = new Map<string, Bucket>();
  #sweepAt = FIRST_SWEEP;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: Rate) {
    this.#intervalMs = 1000 / perSecond;
    this.#burstMs = burst * this.#intervalMs;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** How many milliseconds must pass before so many can be charged; 0 when they can be now. A full bucket covers any amount. */
  waitMs(key: string, amount: number, now: number): number {
    const usedMs = this.usedMs(key, now);
    return usedMs === 0 ? 0 : Math.max(0, Math.min(usedMs, usedMs + amount * this.#intervalMs - this.#burstMs));
  }

  /** Charges, also beyond what is there; a negative amount is given back. Returns what {@link usedMs} would. */
  charge(key: string, amount: number, now: number): number {
    const bucket = this.#buckets.get(key) ?? this.#enter(key, now);
    bucket.fullAt = Math.max(bucket.fullAt, now) + amount * this.#intervalMs;
    return Math.max(0, bucket.fullAt - now);
  }

  /** Milliseconds after which the bucket is full again. */
  usedMs(key: string, now: number): number {
    return Math.max(0, (this.#bucketOf(key)?.fullAt ?? 0) - now);
  }

  /** How many more could be charged to a bucket of which so much is used. */
  remaining(usedMs: number): number {
    // The sums of fractions may miss a whole number by a little.
    return Math.max(0, Math.floor((this.#burstMs - usedMs) / this.#intervalMs + 1e-6));
  }

  #bucketOf(key: string): Bucket | undefined {
    return this.#buckets.get(key) ?? (this.#buckets.size < MAX_BUCKETS ? undefined : this.#buckets.get(SHARED));
  }

  /** The bucket of a key that has none of its own: a new one, or in a full table the shared one. */
  #enter(key: string, now: number): Bucket {
    if (this.#buckets.size >= this.#sweepAt) this.#sweep(now);
    const known = this.#bucketOf(key);
    if (known !== undefined) return known;
    const bucket = { fullAt: now };
    this.#buckets.set(this.#buckets.size < MAX_BUCKETS ? key : SHARED, bucket);
    return bucket;
  }

  /** Costs little for each charge: the next one waits until the table has doubled. In a full table, there is one at most a second. */
  #sweep(now: number): void {
    if (this.#sweepAt >= MAX_BUCKETS && now - this.#sweptAt < FULL_SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [key, { fullAt }] of this.#buckets) if (fullAt <= now) this.#buckets.delete(key);
    this.#sweepAt = Math.min(MAX_BUCKETS, Math.max(FIRST_SWEEP, 2 * this.#buckets.size));
  }
}
