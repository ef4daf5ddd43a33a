import { createRole, roleObject } from '../../contract/access/roles.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function roleRoutes({ services: { roles } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/roles',
      permission: 'roles:list',
      summary: 'Lists the roles, including built-in ones.',
      item: roleObject,
      respond: ({ caller, page }) => roles.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/roles',
      permission: 'roles:create',
      summary: 'Creates a role. It has no effect until you bind it to an account.',
      creates: true,
      request: createRole,
      status: 201,
      answer: roleObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { name: 'session-reader', rules: [{ resources: ['sessions'], verbs: ['list', 'get'] }] },
      respond: ({ caller, body, idempotency }) => roles.create(caller, body, idempotency),
    }),
    route({
      method: 'GET',
      path: '/roles/{id}',
      permission: 'roles:get',
      summary: 'Returns a role, by id or name.',
      answer: roleObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => roles.get(caller, params.id),
    }),
    route({
      method: 'DELETE',
      path: '/roles/{id}',
      permission: 'roles:delete',
      summary: 'Deletes a role and its bindings. Built-in roles cannot be deleted.',
      answer: 'nothing',
      refusals: ['NOT_FOUND', 'CONFLICT'],
      respond: ({ caller, params }) => roles.remove(caller, params.id),
    }),
  ];
}
