export interface Timer {
  cancel(): void;
}

/** Time, handed in. Domain, services, node agent and guest never reach for the process's own. */
export interface Clock {
  /** Wall clock, Unix milliseconds. May jump. */
  now(): number;
  /** Milliseconds from an unknown start. Never goes back. */
  monotonic(): number;
  /** Which boot of the machine this is and how long ago it was, with the time that the machine slept. Undefined where nobody knows. */
  sinceBoot?(): { readonly id: string; readonly ms: number } | undefined;
  /** Calls `run` once after `delayMs`, unless cancelled. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` once what is ready now has been handled (`setImmediate`). */
  soon(run: () => void): Timer;
}

/** Resolves after `delayMs`, or at once when `signal` aborts. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done);
  });
}
