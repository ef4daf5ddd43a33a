/** How long ends of a container count, in milliseconds. */
export const ENDS_COUNT_FOR_MS = 600_000;

/** Milliseconds to wait before a container that ended `ends` times lately is started again: 0, 1, 2, 4 … 30 s. */
export function restartDelayMs(ends: number): number {
  return ends <= 1 ? 0 : Math.min(1000 * 2 ** Math.min(ends - 2, 10), 30_000);
}

/** The ends that still count at `nowMs` (of the same clock). */
export function recentEnds(ends: readonly number[], nowMs: number): readonly number[] {
  return ends.filter((at) => nowMs - at < ENDS_COUNT_FOR_MS);
}
