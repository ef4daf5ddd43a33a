import type { Context } from 'koa';
import type { Clock } from '../../seams/clock.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import { type Query, single } from './query.ts';

export const MAX_WAIT_MS = 300_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** `?wait=30s`, `1m`, `500ms`: milliseconds, 0 when it was not sent. At most 300 s. */
export function waitMs(query: Query): Outcome<number> {
  const sent = single(query, 'wait');
  if (!sent.ok) return sent;
  if (sent.value === undefined) return accepted(0);
  const [, amount, unit = ''] = /^(\d{1,9})(ms|s|m)$/.exec(sent.value) ?? [];
  const ms = Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  if (!(ms <= MAX_WAIT_MS)) return refused('BAD_REQUEST', 'wait must be a duration of at most 300 s, such as 500ms, 30s or 1m');
  return accepted(ms);
}

/**
 * What `until` resolves with, given a signal that aborts after `ms` or when the client has gone. When the time is up it is
 * undefined, and the answer carries `X-Raworc-Wait: timeout`. Undefined before that: what was waited for cannot come any more.
 */
export async function waiting<T>(
  ctx: Context,
  clock: Clock,
  ms: number,
  until: (signal: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  const over = new AbortController();
  const abort = () => over.abort();
  const timer = clock.after(ms, abort);
  ctx.res.once('close', abort);
  try {
    const value = await until(over.signal);
    if (value === undefined && over.signal.aborted) ctx.set('X-Raworc-Wait', 'timeout');
    return value;
  } finally {
    timer.cancel();
    ctx.res.off('close', abort);
  }
}
