import { failingObject, healthObject, healthyObject, versionObject } from '../../contract/server.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import { publicRoute, type Route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function serverRoutes({ services: { health }, version }: RouteDeps): Route[] {
  return [
    publicRoute({
      method: 'GET',
      path: '/health',
      summary: 'Returns the health of the controller; 503 if it cannot serve requests.',
      description:
        'The status `degraded` means that the controller serves requests with less speed or capacity. The field `degraded` counts the causes by kind, such as `bus` or `disk_low`.',
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
