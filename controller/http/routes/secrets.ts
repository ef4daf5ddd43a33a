import { changeSecret, createSecret, secretObject, showValues } from '../../contract/secrets.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

const ONE = '/spaces/{name}/secrets/{key}';

export function secretRoutes({ services: { secrets } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/spaces/{name}/secrets',
      permission: 'secrets:list',
      recorded: 'values',
      summary: 'Lists the secrets of a space.',
      query: showValues,
      item: secretObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, query, page }) => secrets.list(caller, params.name, query, page),
    }),
    route({
      method: 'POST',
      path: '/spaces/{name}/secrets',
      permission: 'secrets:create',
      summary: 'Creates a secret: an environment variable for the agents of a space.',
      description: 'The response does not include the value. The secret takes effect with the next message in the space.',
      request: createSecret,
      status: 201,
      answer: secretObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { key_name: 'WEATHER_TOKEN', value: 'rainy-4711', description: 'For the weather service' },
      respond: ({ caller, params, body }) => secrets.create(caller, params.name, body),
    }),
    route({
      method: 'GET',
      path: ONE,
      permission: 'secrets:get',
      recorded: 'values',
      summary: 'Returns a secret.',
      query: showValues,
      answer: secretObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, query }) => secrets.get(caller, params.name, params.key, query),
    }),
    route({
      method: 'PUT',
      path: ONE,
      permission: 'secrets:update',
      summary: 'Updates the value or description of a secret.',
      query: showValues,
      request: changeSecret,
      answer: secretObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { value: 'sunny-4712' },
      respond: ({ caller, params, query, body }) => secrets.update(caller, params.name, params.key, body, query),
    }),
    route({
      method: 'DELETE',
      path: ONE,
      permission: 'secrets:delete',
      summary: 'Deletes a secret.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => secrets.remove(caller, params.name, params.key),
    }),
  ];
}
