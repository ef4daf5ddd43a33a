import { documentRoute } from '../document/document-route.ts';
import type { Route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';
import { agentRoutes } from './agents.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { auditRoutes } from './audit.ts';
import { authRoutes } from './auth.ts';
import { buildRoutes } from './builds.ts';
import { eventRoutes } from './events.ts';
import { logRoutes } from './logs.ts';
import { messageRoutes } from './messages.ts';
import { nodeTokenRoutes } from './node-tokens.ts';
import { nodeRoutes } from './nodes.ts';
import { orphanRoutes } from './orphans.ts';
import { roleBindingRoutes } from './role-bindings.ts';
import { roleRoutes } from './roles.ts';
import { secretRoutes } from './secrets.ts';
import { serverRoutes } from './server.ts';
import { serviceAccountRoutes } from './service-accounts.ts';
import { sessionRoutes } from './sessions.ts';
import { spaceRoutes } from './spaces.ts';
import { execRoutes } from './use/exec.ts';
import { fileRoutes } from './use/files.ts';
import { portRoutes } from './use/ports.ts';
import { processRoutes } from './use/processes.ts';
import { ticketRoutes } from './use/tickets.ts';

/** Returns every route of the API, in the order of the document. */
export function allRoutes(deps: RouteDeps): Route[] {
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
    logRoutes,
    buildRoutes,
    sessionRoutes,
    messageRoutes,
    execRoutes,
    processRoutes,
    portRoutes,
    ticketRoutes,
    fileRoutes,
    eventRoutes,
    // Before the nodes: the path of a node matches that of the tokens.
    nodeTokenRoutes,
    nodeRoutes,
    orphanRoutes,
    auditRoutes,
  ].flatMap((routesOf) => routesOf(deps));
  return [...routes, documentRoute(deps.version, () => allRoutes(deps))];
}
