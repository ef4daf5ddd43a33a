import { changeSpace, createSpace, mergedSettings, patchSpace, spaceFilter, spaceObject } from '../../contract/spaces.ts';
import { mapped } from '../../domain/engine/outcome.ts';
import { checkBody } from '../input/check.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

const SETTINGS =
  'Settings are free-form. Raworc knows `timeouts` and `resources`, the defaults of new sessions, `quotas` (`sessions`, `cpu`, `memory_bytes`, `storage_bytes`), the limits of the whole space, `maxima`, the most that one session gets, and `retention` (`events_s`).';

export function spaceRoutes({ services: { spaces } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/spaces',
      permission: 'spaces:list',
      summary: 'Lists the spaces that the caller can see.',
      query: spaceFilter,
      item: spaceObject,
      respond: ({ caller, query, page }) => spaces.list(caller, query, page),
    }),
    route({
      method: 'POST',
      path: '/spaces',
      permission: 'spaces:create',
      summary: 'Creates a space.',
      description: SETTINGS,
      creates: true,
      request: createSpace,
      status: 201,
      answer: spaceObject,
      refusals: ['CONFLICT', 'NOT_FOUND'],
      example: { name: 'research', description: 'Experiments', settings: { timeouts: { idle_pause_s: 600 }, quotas: { sessions: 20 } } },
      respond: ({ caller, body, idempotency }) => spaces.create(caller, body, idempotency),
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}',
      permission: 'spaces:get',
      summary: 'Returns a space.',
      answer: spaceObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => spaces.get(caller, params.name),
    }),
    route({
      method: 'PUT',
      path: '/spaces/{name}',
      permission: 'spaces:update',
      summary: 'Updates a space. Settings are replaced as a whole.',
      description: `${SETTINGS} An inactive space accepts no new sessions, messages or builds, and resumes no sessions; running sessions continue.`,
      request: changeSpace,
      answer: spaceObject,
      refusals: ['NOT_FOUND'],
      example: { settings: { quotas: { sessions: 50, cpu: 8 } } },
      respond: ({ caller, params, body }) => spaces.update(caller, params.name, body),
    }),
    route({
      method: 'PATCH',
      path: '/spaces/{name}',
      operation: 'patchSpace',
      permission: 'spaces:update',
      summary: 'Changes single settings of a space, and keeps the others.',
      description: `A JSON merge patch: null removes a setting. ${SETTINGS}`,
      request: patchSpace,
      answer: spaceObject,
      refusals: ['NOT_FOUND'],
      example: { settings: { quotas: { sessions: 50 }, timeouts: null } },
      respond: ({ caller, params, body }) =>
        spaces.patch(caller, params.name, body, (settings) => mapped(checkBody(mergedSettings, { settings }), (merged) => merged.settings)),
    }),
    route({
      method: 'DELETE',
      path: '/spaces/{name}',
      permission: 'spaces:delete',
      summary: 'Deletes a space with its secrets, agents, builds and role bindings. 409 if it has sessions.',
      answer: 'nothing',
      refusals: ['NOT_FOUND', 'CONFLICT'],
      respond: ({ caller, params }) => spaces.remove(caller, params.name),
    }),
  ];
}
