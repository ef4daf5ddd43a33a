import { changeSpace, createSpace, spaceFilter, spaceObject } from '../../contract/spaces.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

const SETTINGS =
  'Settings are free-form. Known are `timeouts` and `resources`, which sessions take that say nothing else, and `quotas` (`sessions`, `cpu`, `memory_bytes`): what all sessions of the space may have together.';

export function spaceRoutes({ services: { spaces } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/spaces',
      permission: 'spaces:list',
      summary: 'The spaces that the caller may see',
      query: spaceFilter,
      item: spaceObject,
      respond: ({ caller, query, page }) => spaces.list(caller, query, page),
    }),
    route({
      method: 'POST',
      path: '/spaces',
      permission: 'spaces:create',
      summary: 'A new space',
      description: SETTINGS,
      creates: true,
      request: createSpace,
      answers: { 201: spaceObject },
      refusals: ['CONFLICT', 'NOT_FOUND'],
      example: { name: 'research', description: 'What we try', settings: { timeouts: { idle_pause_s: 600 }, quotas: { sessions: 20 } } },
      async respond({ caller, body, idempotency }) {
        const made = await spaces.create(caller, body, idempotency);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}',
      permission: 'spaces:get',
      summary: 'One space',
      answers: { 200: spaceObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const space = spaces.get(caller, part(params, 'name'));
        return space.ok ? accepted({ status: 200, body: space.value }) : space;
      },
    }),
    route({
      method: 'PUT',
      path: '/spaces/{name}',
      permission: 'spaces:update',
      summary: 'Changes what is named; settings are replaced as a whole',
      description: `${SETTINGS} An inactive space takes no new sessions, messages and builds, and resumes none; what runs goes on.`,
      request: changeSpace,
      answers: { 200: spaceObject },
      refusals: ['NOT_FOUND'],
      example: { settings: { quotas: { sessions: 50, cpu: 8 } } },
      async respond({ caller, params, body }) {
        const space = await spaces.update(caller, part(params, 'name'), body);
        return space.ok ? accepted({ status: 200, body: space.value }) : space;
      },
    }),
    route({
      method: 'DELETE',
      path: '/spaces/{name}',
      permission: 'spaces:delete',
      summary: 'Removes a space without sessions, with its secrets, agents, builds and bindings',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      async respond({ caller, params }) {
        const removed = await spaces.remove(caller, part(params, 'name'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
