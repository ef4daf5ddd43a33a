/** How long ends of a container count, in milliseconds. */
export const ENDS_COUNT_FOR_MS = 600_000;
/** So many of them, and it is not started again. */
export const ENDS_BORNE = 5;
/** After the last of them: an engine that goes away ends all its containers a moment before it is seen to go. */
const ENGINE_GOES_WITHIN_MS = 3_000;
/** How long before an engine was seen to go away the ends of containers are taken for its own doing, in milliseconds. */
export const ENGINE_ENDS_MS = 20_000;

/** Milliseconds to wait before a container that ended `ends` times lately is started again: 0, 1, 2, 4 … 30 s. */
export function restartDelayMs(ends: number): number {
  return ends <= 1 ? 0 : Math.min(1000 * 2 ** Math.min(ends - 2, 10), 30_000);
}

/** The ends that still count at `nowMs` (of the same clock). Those of a time to come are of a clock that was set back, and count no more. */
export function recentEnds(ends: readonly number[], nowMs: number): readonly number[] {
  return ends.filter((at) => at <= nowMs && nowMs - at < ENDS_COUNT_FOR_MS);
}

/** What to do with a container that ended at these times, oldest first: wait so long (0: start it now), or give up. */
export function afterEnds(ends: readonly number[], nowMs: number): number | 'give-up' {
  const recent = recentEnds(ends, nowMs);
  const last = recent.at(-1);
  if (last === undefined) return 0;
  const isTooMany = recent.length >= ENDS_BORNE;
  const leftMs = last + (isTooMany ? ENGINE_GOES_WITHIN_MS : restartDelayMs(recent.length)) - nowMs;
  if (leftMs > 0) return Math.ceil(leftMs);
  return isTooMany ? 'give-up' : 0;
}
