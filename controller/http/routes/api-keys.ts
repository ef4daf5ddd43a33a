import { apiKeyObject, createApiKey, newApiKey } from '../../contract/access.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import { proofOf } from '../access/authentication.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function apiKeyRoutes({ services: { apiKeys } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/api-keys',
      permission: 'self',
      summary: 'The caller’s own API keys',
      item: apiKeyObject,
      refusals: ['FORBIDDEN'],
      respond: ({ caller, page }) => apiKeys.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/api-keys',
      permission: 'self',
      summary: 'A new API key, to be sent as a Bearer token; shown once',
      description: 'It may do what its owner may, narrowed by its rules, and loses it with the owner.',
      request: createApiKey,
      answers: { 201: newApiKey },
      refusals: ['CONFLICT', 'FORBIDDEN'],
      example: { name: 'nightly', rules: [{ resources: ['sessions'], verbs: ['*'] }] },
      async respond({ ctx, caller, body }) {
        const made = await apiKeys.create(caller, proofOf(ctx), body);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'DELETE',
      path: '/api-keys/{id}',
      permission: 'own or service-accounts:update',
      summary: 'Ends an API key at once, and the streams opened with it',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND'],
      async respond({ caller, params }) {
        const removed = await apiKeys.remove(caller, part(params, 'id'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
