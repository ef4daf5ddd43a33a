import type { Clock } from '../../seams/clock.ts';

/** Runs `work` with a signal that aborts after `limitMs`, or with `parent`. */
export async function within<T>(clock: Clock, limitMs: number, parent: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const end = () => controller.abort(parent.reason);
  if (parent.aborted) end();
  parent.addEventListener('abort', end);
  const timer = clock.after(limitMs, () => controller.abort(new Error(`no answer within ${limitMs} ms`)));
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    parent.removeEventListener('abort', end);
  }
}
