import type { RaworcError } from './errors.ts';

/** How often and how long a request is retried. */
export interface RetryPolicy {
  /** Including the first. */
  readonly tries: number;
  /** No retry begins later than this after the first failure. */
  readonly totalMs: number;
  /** The longest delay before the first retry. It doubles with each retry (full jitter) … */
  readonly baseMs: number;
  /** … up to this. */
  readonly maxMs: number;
}

/** Long enough to outlast a restart of the server. */
export const PATIENT: RetryPolicy = { tries: 30, totalMs: 30_000, baseMs: 250, maxMs: 3_000 };

/**
 * Returns the delay after a number of failures: a little more than the server asked for, else
 * random below a doubling bound.
 */
export function delayMs(policy: RetryPolicy, failures: number, random: () => number, retryAfterS?: number): number {
  if (retryAfterS !== undefined) return retryAfterS * 1000 + random() * policy.baseMs;
  return random() * Math.min(policy.maxMs, policy.baseMs * 2 ** (failures - 1));
}

export interface Tried {
  readonly method: string;
  readonly path: string;
  readonly idempotencyKey?: string | undefined;
}

/**
 * Whether the request can be repeated if the server carried it out and only the response was lost.
 */
export function isRepeatable({ method, path, idempotencyKey }: Tried): boolean {
  // After the first try the current password in the request is wrong.
  if (method === 'PUT') return !path.endsWith('/password');
  // A second token does no harm.
  if (path === '/auth/login' || path === '/auth/refresh') return true;
  return method === 'GET' || method === 'DELETE' || idempotencyKey !== undefined;
}

/** Whether the same request can succeed later. */
export function isPassing({ status, code, retryAfterS }: RaworcError, tried: Tried): boolean {
  // Refused before any effect, so it is safe for every method.
  if (status === 429) return true;
  if (!isRepeatable(tried)) return false;
  // A 503 of Raworc without Retry-After means no capacity, which is final. Any other 503 comes from
  // a proxy.
  if (status === 503) return retryAfterS !== undefined || code !== 'UNAVAILABLE';
  return status === 502 || status === 504;
}
