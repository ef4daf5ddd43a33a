/**
 * Ages that ignore adjustments of the wall clock. Rows have wall-clock times; each large adjustment
 * is kept as a correction and left out of the age of older rows. So nothing becomes due because
 * somebody set a clock.
 */

/**
 * The clock jumped from `from` by `byMs` (forward when positive) without time passing. Unix
 * milliseconds.
 */
export interface Correction {
  readonly from: number;
  readonly byMs: number;
}

/** The store's record of time, for the next process. */
export interface KeptTime {
  readonly at: number;
  /** The boot clock at that moment, and the id of that boot. */
  readonly boot?: { readonly id: string; readonly ms: number } | undefined;
  readonly corrections: readonly Correction[];
}

/** Ages in time that actually passed. */
export interface Ages {
  /**
   * Returns the milliseconds that passed since a row got this time; after the clock was set back,
   * the smaller of two possible ages. Never negative.
   */
  ageMs(at: number): number;
  /** Returns the latest time of which every row up to it is at least this old. */
  before(keptMs: number): number;
}

/** Corrections kept. Beyond it, the two oldest merge into one. */
export const MAX_CORRECTIONS = 64;

/** An interval in which the clock ran evenly. */
interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Newest first. */
function stretches(now: number, corrections: readonly Correction[]): Stretch[] {
  const found: Stretch[] = [];
  let end = now;
  for (const { from, byMs } of corrections.toReversed()) {
    found.push({ start: from + byMs, end });
    end = from;
  }
  found.push({ start: Number.NEGATIVE_INFINITY, end });
  return found;
}

export function agesAt(now: number, corrections: readonly Correction[]): Ages {
  const all = stretches(now, corrections);
  return {
    ageMs(at) {
      let passed = 0;
      let between: number | undefined;
      for (const { start, end } of all) {
        if (at >= start && at <= end) return passed + end - at;
        // A time in no interval: as old as the interval that follows it.
        if (at >= start) between ??= passed;
        passed += Math.max(0, end - start);
      }
      return between ?? passed;
    },
    before(keptMs) {
      let left = keptMs;
      let youngest = Number.POSITIVE_INFINITY;
      for (const { start, end } of all) {
        const length = Math.max(0, end - start);
        if (left <= length) return Math.min(end - left, youngest);
        left -= length;
        youngest = Math.min(youngest, start - 1);
      }
      return youngest;
    },
  };
}

export function withCorrection(corrections: readonly Correction[], more: Correction): readonly Correction[] {
  const all = [...corrections, more];
  const [first, second, ...rest] = all;
  if (all.length <= MAX_CORRECTIONS || first === undefined || second === undefined) return all;
  return [{ from: second.from, byMs: first.byMs + second.byMs }, ...rest];
}
