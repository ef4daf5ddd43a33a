import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import type { PrometheusMetrics } from '../../../seams/prometheus.ts';
import { refused } from '../../domain/engine/outcome.ts';
import { checkGlobal } from '../../services/access/access.ts';
import { type Admission, callerOf } from '../access/authentication.ts';
import { refuse } from '../routing/errors.ts';

export interface MetricsOptions {
  readonly metrics: Pick<PrometheusMetrics, 'contentType' | 'text'>;
  /** A token for /metrics only, for scrapers that cannot log in. */
  readonly token: string | undefined;
  readonly authentication: Admission;
}

export const METRICS_PATH = '/metrics';
const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * GET /metrics: all metrics as Prometheus text, for the scraper's token or a caller with
 * metrics:get.
 */
export function metricsPage({ metrics, token, authentication }: MetricsOptions): Middleware {
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`);
  const isScraper = (ctx: Context) => expected !== undefined && timingSafeEqual(digest(ctx.get('Authorization')), expected);
  /** Concurrent scrapes share one read of the counters. */
  let reading: Promise<string> | undefined;

  async function show(ctx: Context): Promise<void> {
    reading ??= metrics.text().finally(() => {
      reading = undefined;
    });
    ctx.body = await reading;
    ctx.type = metrics.contentType;
  }

  return async (ctx, next) => {
    if (ctx.path !== METRICS_PATH) return next();
    ctx.state.route = METRICS_PATH;
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      return refuse(ctx, refused('METHOD_NOT_ALLOWED', `${METRICS_PATH} supports only GET.`).refusal);
    }
    if (isScraper(ctx)) return show(ctx);
    if (!(await authentication(ctx))) return;
    const caller = callerOf(ctx);
    if (!caller.ok || caller.value === undefined) return refuse(ctx, refused('UNAUTHORIZED', 'Log in again and retry.').refusal);
    const allowed = checkGlobal(caller.value, 'metrics', 'get');
    return allowed.ok ? show(ctx) : refuse(ctx, allowed.refusal);
  };
}
