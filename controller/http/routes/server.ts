import { failingObject, healthObject, healthyObject, versionObject } from '../../contract/server.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import { publicRoute, type Route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function serverRoutes({ services: { health }, version }: RouteDeps): Route[] {
  return [
    publicRoute({
      method: 'GET',
      path: '/health',
      summary: 'Returns whether the controller can serve requests; 503 if it cannot.',
      description:
        '`degraded` means that the controller serves requests, but something costs latency or capacity. `degraded` counts it by kind (`bus`, `reader`, `disk_low`, `nodes_unschedulable`).',
      answer: healthObject,
      answers: { 200: healthyObject, 503: failingObject },
      statusOf: (body) => ('error' in body ? 503 : 200),
      respond: () => accepted(health.check()),
    }),
    publicRoute({
      method: 'GET',
      path: '/version',
      summary: 'Returns the version of the controller and of the API.',
      answer: versionObject,
      respond: () => accepted({ version, api: 'v0' as const }),
    }),
  ];
}
