import { z } from 'zod';
import { bindingObject, createBinding } from '../../contract/access.ts';
import { parameter } from '../../contract/parameters.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function roleBindingRoutes({ services: { roleBindings } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/role-bindings',
      permission: 'role-bindings:list',
      summary: 'Who holds which role where',
      query: z.object({ space: parameter('Only those of this space; permission is then judged in it') }),
      item: bindingObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, query, page }) => roleBindings.list(caller, query.space, page),
    }),
    route({
      method: 'POST',
      path: '/role-bindings',
      permission: 'role-bindings:create',
      summary: 'Gives a role to an account, in one space or in all; never more than one holds',
      creates: true,
      request: createBinding,
      answers: { 201: bindingObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { role_name: 'viewer', principal: 'ci', space: 'default' },
      async respond({ caller, body, idempotency }) {
        const made = await roleBindings.create(caller, body, idempotency);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'GET',
      path: '/role-bindings/{id}',
      permission: 'role-bindings:get',
      summary: 'One role binding',
      answers: { 200: bindingObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const binding = roleBindings.get(caller, part(params, 'id'));
        return binding.ok ? accepted({ status: 200, body: binding.value }) : binding;
      },
    }),
    route({
      method: 'DELETE',
      path: '/role-bindings/{id}',
      permission: 'role-bindings:delete',
      summary: 'Takes a role from an account at once; not the last admin’s',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      async respond({ caller, params }) {
        const removed = await roleBindings.remove(caller, part(params, 'id'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
