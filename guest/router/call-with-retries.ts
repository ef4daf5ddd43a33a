import { type Clock, pause } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';
import type { ModelReply } from './model-api.ts';
import { ModelError } from './model-error.ts';

/** Calls for one reply, and the longest waits between them without a wish of the server. */
export const ATTEMPTS = 4;
const WAITS_MS = [500, 2_000, 8_000] as const;

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly leftMs: () => number;
}

/**
 * Repeats a call that failed for a while, at most {@link ATTEMPTS} times, after the wait that the
 * server asks for or a growing one. A wait that would outlast the time left is not begun.
 */
export async function callWithRetries(
  call: () => Promise<ModelReply>,
  { clock, random, signal, leftMs }: RetryOptions,
): Promise<ModelReply> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (fault) {
      if (!(fault instanceof ModelError) || !fault.canRetry || signal.aborted) throw fault;
      const longest = WAITS_MS[attempt - 1];
      if (longest === undefined) throw fault;
      const waitMs = fault.retryAfterMs ?? Math.round(longest * (0.5 + random.fraction() / 2));
      if (waitMs >= leftMs()) throw inVain(fault, waitMs);
      await pause(clock, waitMs, signal);
      if (signal.aborted) throw signal.reason;
    }
  }
}

function inVain(fault: ModelError, waitMs: number): ModelError {
  if (fault.retryAfterMs === undefined) return fault;
  return new ModelError(
    fault.reason,
    `${fault.message} It asks to wait for ${Math.ceil(waitMs / 1000)} s, which the time limit does not allow.`,
  );
}
