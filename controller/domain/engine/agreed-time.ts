/**
 * Age by stamps of a clock that was set. Rows carry the wall clock's time; when the clock is set for good, the step is kept as a
 * correction, and the age of an older row leaves it out: nothing becomes due because somebody set a clock.
 */

/** The clock was set from `from` by `byMs` (forward when positive), and that time did not pass. Unix milliseconds. */
export interface Correction {
  readonly from: number;
  readonly byMs: number;
}

/** What a store keeps of time, for the next process. */
export interface KeptTime {
  readonly at: number;
  /** What the machine's boot clock showed then, and of which boot. */
  readonly boot?: { readonly id: string; readonly ms: number } | undefined;
  readonly corrections: readonly Correction[];
}

/** How old things are, by time that passed. */
export interface Ages {
  /** Milliseconds that have passed since a row got this time. Where a clock set back makes that ambiguous, the lesser. Never negative. */
  ageMs(at: number): number;
  /** The latest time of which every row up to it is at least so old. */
  before(keptMs: number): number;
}

/** Corrections kept. Past it the two oldest become one. */
export const MAX_CORRECTIONS = 64;

/** One stretch of time in which the clock ran evenly. */
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
        // A time that no stretch has: as old as the stretch that follows it.
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
