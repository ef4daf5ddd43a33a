import { accepted, refused } from '../../domain/engine/outcome.ts';
import { snapshotIn } from '../../services/sandboxes/templates.ts';
import { sendJson, sendRefusal } from '../answers.ts';
import type { ControlExchange, E2bDeps } from '../exchange.ts';
import { answer, bodyOf, nothing } from './control-answers.ts';
import type { ControlRoute } from './control-route.ts';
import { type ListQuery, listQuery, nextToken, snapshotQuery } from './listing.ts';
import { isAsked, METRICS_SCRIPT, metricIn } from './metrics.ts';
import { listedObject, snapshotObject } from './objects.ts';
import { snapshotRequest } from './requests.ts';

const METRICS_TIMEOUT_MS = 5000;

/** Lists, snapshots and metrics. */
export function readingRoutes({ sandboxes, services, clock }: E2bDeps): ControlRoute[] {
  /** Reads one more than the page, to know whether more follow. */
  async function page({ holder, res }: ControlExchange, query: ListQuery, kind: 'sandbox' | 'snapshot') {
    const listed = await sandboxes.list(holder, { ...query, kind, limit: query.limit + 1 });
    if (!listed.ok) return sendRefusal(res, listed.refusal);
    const items = listed.value.slice(0, query.limit);
    const last = items.at(-1);
    const more = listed.value.length > query.limit && last !== undefined ? { 'x-next-token': nextToken(last.sandbox) } : undefined;
    sendJson(res, 200, kind === 'sandbox' ? items.map(listedObject) : items.map(({ sandbox }) => snapshotObject(sandbox)), more);
  }

  const listing: ControlRoute['handle'] = async (exchange) => {
    const query = listQuery(exchange.url.searchParams);
    if (!query.ok) return sendRefusal(exchange.res, query.refusal);
    await page(exchange, query.value, 'sandbox');
  };

  return [
    { method: 'GET', path: '/v2/sandboxes', action: 'e2bListSandboxes', handle: listing },
    { method: 'GET', path: '/sandboxes', action: 'e2bListSandboxes', handle: listing },
    {
      ...{ method: 'POST', path: '/sandboxes/{id}/snapshots', action: 'e2bCreateSnapshot' },
      async handle(exchange) {
        const sent = await bodyOf(exchange, snapshotRequest);
        if (sent === undefined) return;
        const made = await sandboxes.snapshot(exchange.holder, exchange.id, sent.name ?? null, exchange.signal);
        answer(exchange, made, 201, snapshotObject);
      },
    },
    {
      ...{ method: 'GET', path: '/snapshots', action: 'e2bListSnapshots' },
      async handle(exchange) {
        const query = snapshotQuery(exchange.url.searchParams);
        if (!query.ok) return sendRefusal(exchange.res, query.refusal);
        await page(exchange, query.value, 'snapshot');
      },
    },
    {
      ...{ method: 'DELETE', path: '/templates/{id}', action: 'e2bDeleteSnapshot' },
      async handle(exchange) {
        const id = snapshotIn(exchange.id);
        const gone = id === undefined ? NO_TEMPLATE : await sandboxes.kill(exchange.holder.caller, id, 'snapshot');
        nothing(exchange, gone.ok || gone.refusal.code !== 'NOT_FOUND' ? gone : NO_TEMPLATE);
      },
    },
    {
      ...{ method: 'GET', path: '/sandboxes/{id}/metrics', action: 'e2bGetSandboxMetrics' },
      async handle(exchange) {
        const { holder, id, payer, res, url, signal } = exchange;
        const found = sandboxes.exists(holder.caller, id);
        if (!found.ok) return sendRefusal(res, found.refusal);
        const { session } = found.value;
        if (session.desired !== 'running' || !isAsked(url.searchParams, clock.now())) return sendJson(res, 200, []);
        const command = { argv: ['/bin/sh', '-c', METRICS_SCRIPT], wake: false, timeout_ms: METRICS_TIMEOUT_MS };
        const ran = await services.exec.run(holder.caller, session.id, command, payer, signal);
        answer(exchange, ran.ok ? accepted([metricIn(ran.value.stdout, session, clock.now())]) : ran, 200, (metrics) => metrics);
      },
    },
  ];
}

const NO_TEMPLATE = refused('NOT_FOUND', 'The template or snapshot does not exist.');
