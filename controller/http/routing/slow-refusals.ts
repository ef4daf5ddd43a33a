import type { Context } from 'koa';
import { type Clock, pause } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import { RateTable } from '../../services/budget/rate-table.ts';
import { payerOfAnswer } from '../access/budget-gate.ts';
import type { ClientAddresses } from '../server/client-address.ts';
import { hasLeft } from '../server/connections.ts';

/** Refusals sent without delay. A caller who honors Retry-After gets at most one per second. */
const AT_ONCE = { perSecond: 2, burst: 20 };
const DELAY_MS = 1000;
/** Maximum number of delayed refusals. Beyond it, the connection is closed instead. */
const MAX_DELAYED = 2000;

export interface SlowRefusalsDeps {
  readonly addresses: ClientAddresses;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Delays the 429 of callers who ignore Retry-After, so that each of their connections costs one
 * refusal per second.
 */
export function slowRefusals({ addresses, clock, metrics }: SlowRefusalsDeps): (ctx: Context) => Promise<void> {
  const refusals = new RateTable(AT_ONCE);
  let delayed = 0;
  metrics.gauge({ name: 'http_refusals_delayed', help: 'Delayed refusals to callers who ignore Retry-After.', read: () => delayed });

  return async (ctx) => {
    if (hasLeft(ctx)) return;
    const key = payerOfAnswer(ctx)?.account ?? addresses.networkOf(ctx.req);
    const now = clock.monotonic();
    if (refusals.waitMs(key, 1, now) === 0) {
      refusals.charge(key, 1, now);
      return;
    }
    if (delayed >= MAX_DELAYED) return ctx.set('Connection', 'close');
    delayed += 1;
    await pause(clock, DELAY_MS);
    delayed -= 1;
  };
}
