import { failing, healthy, serverVersion } from '../../contract/objects.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { errorBody } from '../routing/errors.ts';
import { publicRoute, type Route } from '../routing/route.ts';

export function serverRoutes({ services, version }: RouteContext): Route[] {
  return [
    publicRoute({
      method: 'GET',
      path: '/health',
      summary: 'Whether the controller can serve; 503 when it cannot',
      description:
        '`degraded` means that the controller serves, but something costs latency or capacity: `degraded` counts it by kind (`bus`, `reader`, `disk_low`, `nodes_unschedulable`).',
      answers: { 200: healthy, 503: failing },
      respond() {
        const { status, checks, degraded } = services.health.check();
        if (status !== 'failing') return accepted({ status: 200, body: { status, checks, degraded } });
        const failing = Object.keys(checks).filter((check) => checks[check] !== 'ok');
        const { error } = errorBody({ code: 'UNAVAILABLE', message: `Failing: ${failing.join(', ')}` });
        return accepted({ status: 503, body: { status, checks, degraded, error } });
      },
    }),
    publicRoute({
      method: 'GET',
      path: '/version',
      summary: 'The version of the controller and of the API',
      answers: { 200: serverVersion },
      respond: () => accepted({ status: 200, body: { version, api: 'v0' } }),
    }),
  ];
}
