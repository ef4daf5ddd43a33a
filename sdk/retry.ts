import type { RaworcError } from './errors.ts';

/** How often and how long a request is tried again. */
export interface RetryPolicy {
  /** The first one counts. */
  readonly tries: number;
  /** No further try begins later than this after the first one failed. */
  readonly totalMs: number;
  /** Before the second try it is at most this, then twice as much each time (full jitter) … */
  readonly baseMs: number;
  /** … and never more than this. */
  readonly maxMs: number;
}

/** Long enough for a restart of the server. */
export const PATIENT: RetryPolicy = { tries: 30, totalMs: 30_000, baseMs: 250, maxMs: 3_000 };

/** How long to wait after so many failures: what the server asked for and a little, else by chance up to a bound that doubles. */
export function delayMs(policy: RetryPolicy, failures: number, random: () => number, retryAfterS?: number): number {
  if (retryAfterS !== undefined) return retryAfterS * 1000 + random() * policy.baseMs;
  return random() * Math.min(policy.maxMs, policy.baseMs * 2 ** (failures - 1));
}

export interface Tried {
  readonly method: string;
  readonly path: string;
  readonly idempotencyKey?: string | undefined;
}

/** Whether it does no harm when the server has done it and only its answer was lost. */
export function isRepeatable({ method, path, idempotencyKey }: Tried): boolean {
  // It was changed by the first try, so the second would be told that the current password is wrong.
  if (method === 'PUT') return !path.endsWith('/password');
  // A second token harms nobody.
  if (path === '/auth/login' || path === '/auth/refresh') return true;
  return method === 'GET' || method === 'DELETE' || idempotencyKey !== undefined;
}

/** Whether the same request may fare better later. */
export function isPassing({ status, code, retryAfterS }: RaworcError, tried: Tried): boolean {
  // Refused before anything was done, so it is safe for every method.
  if (status === 429) return true;
  if (!isRepeatable(tried)) return false;
  // A Raworc that has no room says so in a 503; without a time to come back that is its answer. Another's is that of a proxy in front.
  if (status === 503) return retryAfterS !== undefined || code !== 'UNAVAILABLE';
  return status === 502 || status === 504;
}
