import type { Rate } from './limits.ts';

interface Bucket {
  /** In milliseconds of the caller's clock. */
  fullAt: number;
}

/** Buckets that are not full. Beyond this, new keys share one bucket. */
export const MAX_BUCKETS = 50_000;
const FIRST_SWEEP = 1024;
const FULL_SWEEP_MS = 1000;
const SHARED = '\u0000shared';

/**
 * Token buckets by key, each stored as the time at which it is full again (the generic cell rate
 * algorithm, ATM Forum TM 4.0). A full bucket equals a missing one: dropping full ones changes
 * nothing, and no client can evict others.
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

  /**
   * Returns the milliseconds until the amount can be charged, or 0. A full bucket covers any
   * amount.
   */
  waitMs(key: string, amount: number, now: number): number {
    const usedMs = this.usedMs(key, now);
    return usedMs === 0 ? 0 : Math.max(0, Math.min(usedMs, usedMs + amount * this.#intervalMs - this.#burstMs));
  }

  /**
   * Charges an amount, even beyond what is left; a negative amount refunds. Returns the new {@link
   * usedMs}.
   */
  charge(key: string, amount: number, now: number): number {
    const bucket = this.#buckets.get(key) ?? this.#enter(key, now);
    bucket.fullAt = Math.max(bucket.fullAt, now) + amount * this.#intervalMs;
    return Math.max(0, bucket.fullAt - now);
  }

  /** Returns the milliseconds until the bucket is full again. */
  usedMs(key: string, now: number): number {
    return Math.max(0, (this.#bucketOf(key)?.fullAt ?? 0) - now);
  }

  /** Returns how much can still be charged to a bucket with this much in use. */
  remaining(usedMs: number): number {
    // Sums of fractions can be slightly off.
    return Math.max(0, Math.floor((this.#burstMs - usedMs) / this.#intervalMs + 1e-6));
  }

  #bucketOf(key: string): Bucket | undefined {
    return this.#buckets.get(key) ?? (this.#buckets.size < MAX_BUCKETS ? undefined : this.#buckets.get(SHARED));
  }

  /** Returns the bucket of a new key: its own, or the shared one if the table is full. */
  #enter(key: string, now: number): Bucket {
    if (this.#buckets.size >= this.#sweepAt) this.#sweep(now);
    const known = this.#bucketOf(key);
    if (known !== undefined) return known;
    const bucket = { fullAt: now };
    this.#buckets.set(this.#buckets.size < MAX_BUCKETS ? key : SHARED, bucket);
    return bucket;
  }

  /**
   * Amortized: the next sweep waits until the table has doubled. In a full table, at most one per
   * second.
   */
  #sweep(now: number): void {
    if (this.#sweepAt >= MAX_BUCKETS && now - this.#sweptAt < FULL_SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [key, { fullAt }] of this.#buckets) if (fullAt <= now) this.#buckets.delete(key);
    this.#sweepAt = Math.min(MAX_BUCKETS, Math.max(FIRST_SWEEP, 2 * this.#buckets.size));
  }
}
