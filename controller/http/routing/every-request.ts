import { TLSSocket } from 'node:tls';
import type { Context, Middleware } from 'koa';
import type { Log } from '../../../seams/log.ts';
import { SECONDS } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import { refused } from '../../domain/engine/outcome.ts';
import { releaseAll } from '../access/budget-gate.ts';
import { cors } from '../server/cors.ts';
import { HSTS, SECURITY_HEADERS } from '../server/security-headers.ts';
import { isOriginAllowed } from '../upgrades/origin.ts';
import { asksForUpgrade } from '../upgrades/pending-upgrade.ts';
import { answerFault, refuse } from './errors.ts';
import { type LargeAnswersDeps, largeAnswers } from './large-answers.ts';
import { slowRefusals } from './slow-refusals.ts';
import { unreadBodies } from './unread-bodies.ts';

export interface EveryRequestDeps extends LargeAnswersDeps {
  readonly log: Log;
  readonly random: Random;
  /** Other origins whose pages can call the API; "*" for any. */
  readonly corsOrigins: readonly string[];
}

const SANE_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const FOREIGN_PAGE = refused(
  'FORBIDDEN',
  'Pages of this origin cannot open WebSockets here. An operator can allow the origin with RAWORC_CORS_ORIGINS.',
);
const isForeignUpgrade = ({ req }: Context, { corsOrigins }: EveryRequestDeps) => asksForUpgrade(req) && !isOriginAllowed(req, corsOrigins);

const securityHeaders = Object.entries(SECURITY_HEADERS);

/**
 * Wraps every request: sets its id and headers, answers thrown errors, delays refusals, paces large
 * answers, and counts it. One middleware, because each asynchronous step costs about as much as
 * reading a session.
 */
export function everyRequest(deps: EveryRequestDeps): Middleware {
  const { log, clock, random, metrics, addresses } = deps;
  const isPreflight = cors(deps.corsOrigins);
  const holdIfLarge = largeAnswers(deps);
  const delayRefusal = slowRefusals(deps);
  const leaveUnread = unreadBodies(deps);
  const requests = metrics.histogram({
    name: 'http_request_seconds',
    help: 'Time from a request to its answer, by route; streams count until their headers are sent',
    labels: ['method', 'route', 'status'],
    buckets: SECONDS,
  });

  /** Labels by method, route path and status class bound the number of series. */
  function count({ req, res, state }: Context, tookMs: number): void {
    const { method = '' } = req;
    const { statusCode: status } = res;
    requests.observe(tookMs / 1000, {
      method: KNOWN_METHODS.has(method) ? method : 'other',
      route: state.route ?? 'none',
      status: `${Math.floor(status / 100)}xx`,
    });
    log.debug('http.request', { method, route: state.route, status, ms: Math.round(tookMs * 10) / 10, request_id: state.requestId });
  }

  return async (ctx, next) => {
    const start = clock.monotonic();
    const { req, res } = ctx;
    const sentId = req.headers['x-request-id'];
    const requestId = typeof sentId === 'string' && SANE_ID.test(sentId) ? sentId : random.uuid();
    ctx.state.requestId = requestId;
    // Koa's `set` copies and normalizes each header, so bypass it.
    res.setHeader('X-Request-Id', requestId);
    for (const [name, value] of securityHeaders) res.setHeader(name, value);
    if (req.socket instanceof TLSSocket) ctx.set(HSTS);
    ctx.request.ip = addresses.addressOf(req);
    if (isPreflight(ctx)) return;
    try {
      if (isForeignUpgrade(ctx, deps)) refuse(ctx, FOREIGN_PAGE.refusal);
      else await next();
      holdIfLarge(ctx);
    } catch (fault) {
      answerFault(ctx, fault, log);
    } finally {
      releaseAll(ctx);
    }
    leaveUnread(ctx);
    if (res.statusCode === 429) await delayRefusal(ctx);
    count(ctx, clock.monotonic() - start);
  };
}
