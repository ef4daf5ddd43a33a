import Koa from 'koa';
import type { Clock } from '../../seams/clock.ts';
import type { Metrics } from '../../seams/metrics.ts';
import type { PrometheusMetrics } from '../../seams/prometheus.ts';
import type { Random } from '../../seams/random.ts';
import { Budgets } from '../services/budget/budgets.ts';
import type { SpaceLookup } from '../services/budget/space-lookup.ts';
import { authentication } from './access/authentication.ts';
import { BudgetGate } from './access/budget-gate.ts';
import { referencePage } from './document/reference-page.ts';
import { SseStreams } from './events/sse-streams.ts';
import { portPaths } from './ports/port-paths.ts';
import { previewHosts } from './ports/preview-hosts.ts';
import { allRoutes } from './routes/all-routes.ts';
import { recordRefusalAside } from './routing/auditing.ts';
import { describe, isGone } from './routing/errors.ts';
import { everyRequest } from './routing/every-request.ts';
import { registered } from './routing/register.ts';
import type { RouteDeps } from './routing/route-deps.ts';
import { ClientAddresses, NO_PROXIES, type ProxyTrust } from './server/client-address.ts';
import { Connections } from './server/connections.ts';
import { METRICS_PATH, metricsPage } from './server/metrics-page.ts';
import { Upgrades } from './upgrades/upgrades.ts';

export interface HttpDeps extends Omit<RouteDeps, 'streams'> {
  readonly random: Random;
  /** Other origins whose pages can call the API; "*" for any. */
  readonly corsOrigins: readonly string[];
  /** Treats an answer that its route does not declare as an error: for tests and development. */
  readonly checkAnswers?: boolean;
  /** The metrics of /metrics, and the token that a scraper can use there instead of logging in. */
  readonly metrics: PrometheusMetrics;
  readonly metricsToken?: string | undefined;
  /** Undefined: as {@link DEFAULT_LIMITS} says. */
  readonly budgets?: Budgets;
  /** Finds the space that is charged for a request. Default: none. */
  readonly spaces?: SpaceLookup;
  readonly proxies?: ProxyTrust | undefined;
}

export interface HttpApp {
  readonly koa: Koa;
  readonly streams: SseStreams;
  readonly connections: Connections;
  readonly addresses: ClientAddresses;
  /** Connections that ask to become WebSockets. */
  readonly upgrades: Upgrades;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

/** Creates the REST API over the services. server.ts listens with it. */
export function createApp(deps: HttpDeps): HttpApp {
  const { services, tokens, log, clock, random, corsOrigins, metrics, metricsToken } = deps;
  const budgets = deps.budgets ?? new Budgets({ clock, metrics });
  const streams = new SseStreams(clock, metrics, budgets);
  const addresses = new ClientAddresses(deps.proxies ?? NO_PROXIES);
  const connections = new Connections({ budgets, addresses, metrics });
  const gate = new BudgetGate(budgets, addresses, connections);
  const koa = new Koa();
  koa.on('error', (fault: unknown) => {
    if (!isGone(fault)) log.error('http.fault', { fault: describe(fault) });
  });
  koa.use(previewHosts({ ports: services.ports, accounts: services.accounts, gate, addresses, random, log, streams, clock }));
  koa.use(everyRequest({ log, clock, random, metrics, addresses, budgets, corsOrigins }));
  // Ends the streams of callers who lost permissions in a commit, before the commit is answered.
  services.accounts.onRightsChanged((change) => streams.judge(change));
  const authenticate = authentication({ tokens, accounts: services.accounts, tickets: services.tickets, clock, gate });
  const { spaces, checkAnswers = false } = deps;
  const routes = registered(allRoutes({ ...deps, streams }), {
    authentication: authenticate,
    gate,
    spaces,
    clock,
    checkAnswers,
    audit: services.audit,
  });
  koa.use(portPaths({ authentication: authenticate, ports: services.ports, audit: services.audit, spaces, streams, clock }));
  koa.use(routes.answer);
  koa.use(referencePage(gate));
  const page = metricsPage({ metrics, token: metricsToken, authentication: authenticate });
  koa.use(recordRefusalAside(METRICS_PATH, 'getMetrics', 'metrics', services.audit, page));
  koa.use(routes.unmatched);
  return { koa, streams, connections, addresses, upgrades: new Upgrades(), clock, random, metrics };
}
