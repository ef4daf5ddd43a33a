import type { Context } from 'koa';
import type { Clock } from '../../seams/clock.ts';
import { parsedParameter } from './parameters.ts';

export const MAX_WAIT_MS = 300_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** `?wait=30s`, `1m`, `500ms`: milliseconds, 0 when it was not sent. At most 300 s. */
export const waitParameter = parsedParameter(
  (sent) => {
    const [, amount, unit = ''] = /^(\d{1,9})(ms|s|m)$/.exec(sent) ?? [];
    const ms = Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
    return ms <= MAX_WAIT_MS ? ms : undefined;
  },
  'must be a duration of at most 300 s, such as 500ms, 30s or 1m',
  'How long to wait for what is asked for: 500ms, 30s, 1m',
);

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
