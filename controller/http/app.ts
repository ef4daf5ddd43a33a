import Koa from 'koa';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { PrometheusMetrics } from '../../seams/prometheus.ts';
import type { Random } from '../../seams/random.ts';
import type { Tokens } from '../services/access/tokens.ts';
import { Budgets } from '../services/budget/budgets.ts';
import type { SpaceLookup } from '../services/budget/space-lookup.ts';
import type { Services } from '../services/engine/api.ts';
import type { EventIds } from '../services/events/event-ids.ts';
import { authentication } from './access/authentication.ts';
import { BudgetGate } from './access/budget-gate.ts';
import { referencePage } from './document/reference-page.ts';
import { OpenStreams } from './events/open-streams.ts';
import { agentRoutes } from './routes/agents.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { authRoutes } from './routes/auth.ts';
import { buildRoutes } from './routes/builds.ts';
import { documentRoute } from './routes/document.ts';
import { eventRoutes } from './routes/events.ts';
import { messageRoutes } from './routes/messages.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { orphanRoutes } from './routes/orphans.ts';
import { roleBindingRoutes } from './routes/role-bindings.ts';
import { roleRoutes } from './routes/roles.ts';
import { secretRoutes } from './routes/secrets.ts';
import { serverRoutes } from './routes/server.ts';
import { serviceAccountRoutes } from './routes/service-accounts.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { spaceRoutes } from './routes/spaces.ts';
import { refusedAside } from './routing/auditing.ts';
import { describe, isGone } from './routing/errors.ts';
import { everyRequest } from './routing/every-request.ts';
import { registered } from './routing/register.ts';
import type { Route } from './routing/route.ts';
import { ClientAddresses, NO_PROXIES, type ProxyTrust } from './server/client-address.ts';
import { Connections } from './server/connections.ts';
import { METRICS_PATH, metricsPage } from './server/metrics-page.ts';

export interface HttpOptions {
  readonly services: Services;
  readonly tokens: Tokens;
  readonly eventIds: EventIds;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  /** Origins whose pages may call the API beside its own; "*" for any. */
  readonly corsOrigins: readonly string[];
  /** Takes an answer that its route does not allow for a fault: for tests and for development. */
  readonly checkAnswers?: boolean;
  /** What /metrics shows, and the token that a scraper may use there instead of logging in. */
  readonly metrics: PrometheusMetrics;
  readonly metricsToken?: string;
  /** Undefined: as {@link DEFAULT_LIMITS} says. */
  readonly budgets?: Budgets;
  /** Finds the space that pays for a request; undefined: none does. */
  readonly spaces?: SpaceLookup;
  readonly proxies?: ProxyTrust;
}

type NotOfRoutes = 'random' | 'corsOrigins' | 'checkAnswers' | 'metrics' | 'metricsToken' | 'budgets' | 'spaces' | 'proxies';

/** What the routes are made from. */
export interface RouteContext extends Omit<HttpOptions, NotOfRoutes> {
  readonly streams: OpenStreams;
}

export interface HttpApp {
  readonly koa: Koa;
  readonly streams: OpenStreams;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly random: Random;
}

/** Every route of the API, in the order of the contract. */
export function allRoutes(context: RouteContext): Route[] {
  const routes: Route[] = [
    serverRoutes,
    authRoutes,
    serviceAccountRoutes,
    roleRoutes,
    roleBindingRoutes,
    apiKeyRoutes,
    spaceRoutes,
    secretRoutes,
    agentRoutes,
    buildRoutes,
    sessionRoutes,
    messageRoutes,
    eventRoutes,
    nodeRoutes,
    orphanRoutes,
    auditRoutes,
  ].flatMap((made) => made(context));
  return [...routes, documentRoute(context.version, () => allRoutes(context))];
}

/** The REST API over the services. server.ts listens with it. */
export function createApp(options: HttpOptions): HttpApp {
  const { services, tokens, log, clock, random, corsOrigins, metrics, metricsToken } = options;
  const budgets = options.budgets ?? new Budgets({ clock, metrics });
  const streams = new OpenStreams(clock, metrics, budgets);
  const addresses = new ClientAddresses(options.proxies ?? NO_PROXIES);
  const connections = new Connections({ budgets, addresses, metrics });
  const gate = new BudgetGate(budgets, addresses, connections);
  const koa = new Koa();
  koa.on('error', (fault: unknown) => {
    if (!isGone(fault)) log.error('http.fault', { fault: describe(fault) });
  });
  koa.use(everyRequest({ log, clock, random, metrics, addresses, budgets, corsOrigins }));
  // What a commit took from somebody ends their streams before its answer is given.
  services.accounts.onRightsChanged((change) => streams.judge(change));
  const authenticate = authentication(tokens, services.accounts, clock, gate);
  const { spaces, checkAnswers = false } = options;
  const routes = registered(allRoutes({ ...options, streams }), {
    authentication: authenticate,
    gate,
    spaces,
    clock,
    checkAnswers,
    audit: services.audit,
  });
  koa.use(routes.answer);
  koa.use(referencePage(gate));
  const page = metricsPage({ metrics, token: metricsToken, authentication: authenticate });
  koa.use(refusedAside(METRICS_PATH, 'getMetrics', 'metrics', services.audit, page));
  koa.use(routes.unmatched);
  return { koa, streams, connections, clock, random };
}
