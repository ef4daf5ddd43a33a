import type { Clock, Timer } from '../../seams/clock.ts';

const STEP_MS = 1000;

/**
 * Calls `over` after so long; undefined: never. While the session is paused this process stands
 * still, too, but its clock does not: so time counts in steps, each at most twice its length.
 */
export function limitTime(clock: Pick<Clock, 'after' | 'monotonic'>, timeoutMs: number | undefined, over: () => void): Timer {
  let leftMs = timeoutMs ?? 0;
  let timer: Timer | undefined;
  function step() {
    const stepMs = Math.min(leftMs, STEP_MS);
    const from = clock.monotonic();
    timer = clock.after(stepMs, () => {
      leftMs -= Math.min(Math.max(stepMs, clock.monotonic() - from), 2 * stepMs);
      if (leftMs > 0) step();
      else over();
    });
  }
  if (timeoutMs !== undefined) step();
  return { cancel: () => timer?.cancel() };
}
