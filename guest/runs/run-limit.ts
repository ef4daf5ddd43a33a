import type { Clock, Timer } from '../../seams/clock.ts';

const TICK_MS = 1000;

export interface RunLimit {
  readonly reached: boolean;
  cancel(): void;
}

/**
 * Calls `interrupt` when the run's time is up. Time is counted in ticks, and a late tick counts as
 * one, so that time in which the session was frozen does not count.
 */
export function limitRun(interrupt: () => void, clock: Clock, limitMs: number): RunLimit {
  let ticks = Math.ceil(limitMs / TICK_MS);
  let timer: Timer;
  const tick = () => {
    ticks -= 1;
    if (ticks <= 0) interrupt();
    else timer = clock.after(TICK_MS, tick);
  };
  timer = clock.after(TICK_MS, tick);
  return {
    get reached() {
      return ticks <= 0;
    },
    cancel: () => timer.cancel(),
  };
}
