import type { Context } from 'koa';
import type { Clock } from '../../../seams/clock.ts';
import { parsedParameter } from '../../contract/parameters.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { Caller } from '../../services/access/caller.ts';
import { proofOf } from '../access/authentication.ts';
import { payerIn, releasePlace } from '../access/budget-gate.ts';
import type { SseStreams } from '../events/sse-streams.ts';
import { hasLeft } from '../server/connections.ts';

export const MAX_WAIT_MS = 300_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** `?wait=30s`, `1m`, `500ms`, in milliseconds: 0 if absent, at most 300 s. */
export const waitParameter = parsedParameter(
  (sent) => {
    const [, amount, unit = ''] = /^(\d{1,9})(ms|s|m)$/.exec(sent) ?? [];
    const ms = Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
    return ms <= MAX_WAIT_MS ? ms : undefined;
  },
  'must be a duration of at most 300 s, such as 500ms, 30s or 1m',
  'How long to wait for the result: 500ms, 30s, 1m',
);

export interface Waiting {
  readonly clock: Clock;
  readonly streams: SseStreams;
}

/**
 * Runs an operation that can wait for `ms`. With too many waits in progress it is refused before it
 * changes anything, so that the client can safely retry.
 */
export async function withWaitPlace<T>(
  ctx: Context,
  { budgets }: SseStreams,
  ms: number,
  work: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (ms === 0) return work();
  const place = budgets.take('waits', payerIn(ctx));
  if (!place.ok) return place;
  releasePlace(ctx);
  try {
    return await work();
  } finally {
    place.value();
  }
}

/** How long to wait, for whom, and whether that caller can still see the result. */
export interface Wait {
  readonly ms: number;
  readonly caller: Caller;
  canSee(caller: Caller): boolean;
}

/**
 * Resolves with the result of `until` (inside `withWaitPlace`). Its signal aborts after `ms`, when
 * the client disconnects, or once the caller cannot see the result any more. Undefined on timeout,
 * with the header `X-Raworc-Wait: timeout`, and when no result can come any more.
 */
export async function waiting<T>(
  ctx: Context,
  { clock, streams }: Waiting,
  { ms, caller, canSee }: Wait,
  until: (signal: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  const over = new AbortController();
  const end = () => over.abort();
  const isGood = () => {
    const now = caller.now();
    return now !== undefined && canSee(now);
  };
  const judge = () => {
    if (!isGood()) end();
  };
  const wait = { proof: proofOf(ctx), judge, tick: judge, end };
  const timer = clock.after(ms, () => {
    ctx.set('X-Raworc-Wait', 'timeout');
    end();
  });
  ctx.res.once('close', end);
  streams.add(wait);
  if (hasLeft(ctx)) end();
  judge();
  try {
    const value = await until(over.signal);
    return value !== undefined && isGood() ? value : undefined;
  } finally {
    streams.delete(wait);
    timer.cancel();
    ctx.res.off('close', end);
  }
}
