import { bindingFilter, bindingObject, createBinding } from '../../contract/access/role-bindings.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function roleBindingRoutes({ services: { roleBindings } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/role-bindings',
      permission: 'role-bindings:list',
      summary: 'Lists role bindings: which account has which role, and where.',
      query: bindingFilter,
      item: bindingObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, query, page }) => roleBindings.list(caller, query, page),
    }),
    route({
      method: 'POST',
      path: '/role-bindings',
      permission: 'role-bindings:create',
      summary: 'Binds a role to an account, in one space or in every space.',
      description: 'A caller can grant only roles whose permissions it has there.',
      creates: true,
      request: createBinding,
      status: 201,
      answer: bindingObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { role_name: 'viewer', principal: 'ci', space: 'default' },
      respond: ({ caller, body, idempotency }) => roleBindings.create(caller, body, idempotency),
    }),
    route({
      method: 'GET',
      path: '/role-bindings/{id}',
      permission: 'role-bindings:get',
      summary: 'Returns a role binding.',
      answer: bindingObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => roleBindings.get(caller, params.id),
    }),
    route({
      method: 'DELETE',
      path: '/role-bindings/{id}',
      permission: 'role-bindings:delete',
      summary: 'Revokes a role binding at once. The last admin binding cannot be revoked.',
      answer: 'nothing',
      refusals: ['NOT_FOUND', 'CONFLICT'],
      respond: ({ caller, params }) => roleBindings.remove(caller, params.id),
    }),
  ];
}
