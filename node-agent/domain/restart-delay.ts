/** How long an exit of a container counts, in milliseconds. */
export const ENDS_COUNT_FOR_MS = 600_000;
/** After this many exits, the container is not restarted. */
export const ENDS_BORNE = 5;
/** When the engine dies, its containers end up to this many milliseconds before that shows. */
const ENGINE_GOES_WITHIN_MS = 3_000;
/** Ends within this time before the engine went away are blamed on the engine, in milliseconds. */
export const ENGINE_ENDS_MS = 20_000;

/**
 * Returns how many milliseconds to wait before the restart after `ends` recent ends: 0, 1, 2, 4 …
 * 30 s.
 */
export function restartDelayMs(ends: number): number {
  return ends <= 1 ? 0 : Math.min(1000 * 2 ** Math.min(ends - 2, 10), 30_000);
}

/**
 * Returns the ends that still count at `nowMs` (same clock). Ends in the future come from a clock
 * that was set back, and do not count.
 */
export function recentEnds(ends: readonly number[], nowMs: number): readonly number[] {
  return ends.filter((at) => at <= nowMs && nowMs - at < ENDS_COUNT_FOR_MS);
}

/**
 * Decides on a container with these ends, oldest first: the milliseconds to wait (0: start now), or
 * to give up.
 */
export function afterEnds(ends: readonly number[], nowMs: number): number | 'give-up' {
  const recent = recentEnds(ends, nowMs);
  const last = recent.at(-1);
  if (last === undefined) return 0;
  const isTooMany = recent.length >= ENDS_BORNE;
  const leftMs = last + (isTooMany ? ENGINE_GOES_WITHIN_MS : restartDelayMs(recent.length)) - nowMs;
  if (leftMs > 0) return Math.ceil(leftMs);
  return isTooMany ? 'give-up' : 0;
}
