import { apiKeyObject, createApiKey, newApiKeyObject } from '../../contract/access/api-keys.ts';
import { proofOf } from '../access/authentication.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function apiKeyRoutes({ services: { apiKeys } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/api-keys',
      permission: 'self',
      summary: 'Lists the API keys of the caller.',
      item: apiKeyObject,
      refusals: ['FORBIDDEN'],
      respond: ({ caller, page }) => apiKeys.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/api-keys',
      permission: 'self',
      summary: 'Creates an API key. Only this response contains the key.',
      description:
        'Send the key as a Bearer token. It has the permissions of its owner, limited by its rules, and loses permissions when the owner does.',
      request: createApiKey,
      status: 201,
      answer: newApiKeyObject,
      refusals: ['CONFLICT', 'FORBIDDEN', 'NOT_FOUND'],
      example: { name: 'nightly', rules: [{ resources: ['sessions'], verbs: ['*'] }] },
      respond: ({ ctx, caller, body }) => apiKeys.create(caller, proofOf(ctx), body),
    }),
    route({
      method: 'DELETE',
      path: '/api-keys/{id}',
      permission: 'own or service-accounts:update',
      summary: 'Revokes an API key at once, and closes the streams opened with it.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => apiKeys.remove(caller, params.id),
    }),
  ];
}
