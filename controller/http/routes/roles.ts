import { createRole, roleObject } from '../../contract/access.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function roleRoutes({ services: { roles } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/roles',
      permission: 'roles:list',
      summary: 'The roles, built-in ones among them',
      item: roleObject,
      respond: ({ caller, page }) => roles.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/roles',
      permission: 'roles:create',
      summary: 'A new role; it gives nothing until it is bound',
      creates: true,
      request: createRole,
      answers: { 201: roleObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { name: 'session-reader', rules: [{ resources: ['sessions'], verbs: ['list', 'get'] }] },
      async respond({ caller, body, idempotency }) {
        const made = await roles.create(caller, body, idempotency);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'GET',
      path: '/roles/{id}',
      permission: 'roles:get',
      summary: 'One role, by id or name',
      answers: { 200: roleObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const role = roles.get(caller, part(params, 'id'));
        return role.ok ? accepted({ status: 200, body: role.value }) : role;
      },
    }),
    route({
      method: 'DELETE',
      path: '/roles/{id}',
      permission: 'roles:delete',
      summary: 'Removes a role with its bindings; built-in ones stay',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      async respond({ caller, params }) {
        const removed = await roles.remove(caller, part(params, 'id'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
