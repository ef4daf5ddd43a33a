import { buildListQuery, buildLogObject, buildLogQuery, buildObject, createBuild, DEFAULT_LINES } from '../../contract/builds.ts';
import { refreshed } from '../../services/access/access.ts';
import { streamBuildLog } from '../events/build-log-stream.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function buildRoutes(deps: RouteDeps): Route[] {
  const { builds } = deps.services;
  return [
    listRoute({
      path: '/spaces/{name}/builds',
      permission: 'builds:list',
      summary: 'Lists the builds of a space, newest first.',
      query: buildListQuery,
      item: buildObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, query, page }) => builds.list(caller, params.name, query, page),
    }),
    route({
      method: 'POST',
      path: '/spaces/{name}/build',
      permission: 'builds:create',
      summary: 'Builds the active agents of a space into one image.',
      description:
        'Without `force`, returns an existing build with the same content if there is one, finished or in progress. A build of repositories looks up their newest commits first: if nothing has changed since the build before, it completes with the image of that build.',
      creates: true,
      request: createBuild,
      status: 201,
      answer: buildObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { force: true },
      respond: ({ caller, params, body, idempotency }) => builds.create(caller, params.name, body, idempotency),
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/latest',
      permission: 'builds:get',
      summary: 'Returns the newest build of a space.',
      answer: buildObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => builds.latest(caller, params.name),
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/{build_id}',
      permission: 'builds:get',
      summary: 'Returns a build.',
      answer: buildObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => builds.get(caller, params.name, params.build_id),
    }),
    route({
      method: 'DELETE',
      path: '/spaces/{name}/build/{build_id}',
      operation: 'cancelBuild',
      permission: 'builds:delete',
      summary: 'Cancels a build, and returns it.',
      description:
        'A queued build never starts. A running one is interrupted, and its node removes what it left. All deploys that share the build see it as `cancelled`. A build that has ended is returned unchanged.',
      answer: buildObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => builds.cancel(caller, params.name, params.build_id),
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/{build_id}/logs',
      permission: 'builds:get',
      summary: 'Returns the log of a build: what it did, and what its programs printed.',
      description:
        'The controller keeps the logs of the newest builds of a space. With `follow=true` the response is a text/event-stream; `Last-Event-ID` continues after a line.',
      query: buildLogQuery,
      answer: buildLogObject,
      mayStream: true,
      refusals: ['NOT_FOUND', 'RATE_LIMITED'],
      async respond({ ctx, caller, params, query }) {
        const { limit = DEFAULT_LINES, follow } = query;
        if (follow === true) return streamBuildLog(ctx, caller, params, deps);
        const logs = await builds.logs(caller, params.name, params.build_id, limit);
        const now = refreshed(caller);
        if (!now.ok) return now;
        const still = builds.get(now.value, params.name, params.build_id);
        return still.ok ? logs : still;
      },
    }),
  ];
}
