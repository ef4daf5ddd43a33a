/**
 * Computes ages that ignore adjustments of the wall clock. Rows have wall-clock times. Each large
 * adjustment is stored as a correction and excluded from the age of older rows, so that nothing
 * becomes due because somebody set a clock.
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

/** Ages as time that actually passed. */
export interface Ages {
  /**
   * Returns how many milliseconds ago a row got this time. After the clock was set back, two ages
   * are possible; returns the smaller. Never negative.
   */
  ageMs(at: number): number;
  /** Returns a time such that all rows up to it are at least this old; the latest such time. */
  before(keptMs: number): number;
}

/** Maximum number of corrections. Beyond it, the two oldest are merged. */
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
        // A time in no interval is as old as the next interval.
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
