export interface Timer {
  cancel(): void;
}

/** Time, injected. Domain, services, node agent and guest never read the process's own clock. */
export interface Clock {
  /** Wall clock, Unix milliseconds. Can jump. */
  now(): number;
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonic(): number;
  /**
   * Returns the machine's boot id and the time since that boot, suspended time included; undefined
   * where the system does not say.
   */
  sinceBoot?(): { readonly id: string; readonly ms: number } | undefined;
  /** Calls `run` once after `delayMs`, unless cancelled. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` once, after the events that are ready now (`setImmediate`). */
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
