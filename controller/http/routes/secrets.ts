import { changeSecret, createSecret, secretObject, showValues } from '../../contract/spaces.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

const ONE = '/spaces/{name}/secrets/{key}';

export function secretRoutes({ services: { secrets } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/spaces/{name}/secrets',
      permission: 'secrets:list',
      summary: 'The secrets of a space',
      query: showValues,
      item: secretObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, query, page }) =>
        secrets.list(caller, part(params, 'name'), { showValues: query.show_values === true }, page),
    }),
    route({
      method: 'POST',
      path: '/spaces/{name}/secrets',
      permission: 'secrets:create',
      summary: 'A new secret: an environment variable of what agents run',
      description: 'The answer has no value. In force before the next message of the space’s sessions runs.',
      request: createSecret,
      answers: { 201: secretObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { key_name: 'WEATHER_TOKEN', value: 'rainy-4711', description: 'Of the weather service' },
      async respond({ caller, params, body }) {
        const made = await secrets.create(caller, part(params, 'name'), body);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'GET',
      path: ONE,
      permission: 'secrets:get',
      summary: 'One secret',
      query: showValues,
      answers: { 200: secretObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params, query }) {
        const secret = secrets.get(caller, part(params, 'name'), part(params, 'key'), { showValues: query.show_values === true });
        return secret.ok ? accepted({ status: 200, body: secret.value }) : secret;
      },
    }),
    route({
      method: 'PUT',
      path: ONE,
      permission: 'secrets:update',
      summary: 'Changes value or description',
      query: showValues,
      request: changeSecret,
      answers: { 200: secretObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { value: 'sunny-4712' },
      async respond({ caller, params, query, body }) {
        const show = { showValues: query.show_values === true };
        const secret = await secrets.update(caller, part(params, 'name'), part(params, 'key'), body, show);
        return secret.ok ? accepted({ status: 200, body: secret.value }) : secret;
      },
    }),
    route({
      method: 'DELETE',
      path: ONE,
      permission: 'secrets:delete',
      summary: 'Removes a secret',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND'],
      async respond({ caller, params }) {
        const removed = await secrets.remove(caller, part(params, 'name'), part(params, 'key'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
