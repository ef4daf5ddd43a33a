import { buildLogObject, buildObject, createBuild } from '../../contract/builds.ts';
import { type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function buildRoutes({ services: { builds } }: RouteDeps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/spaces/{name}/build',
      permission: 'builds:create',
      summary: 'Builds the active agents of a space into one image.',
      description: 'Without `force`, returns an existing build with the same content if there is one, finished or in progress.',
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
      method: 'GET',
      path: '/spaces/{name}/build/{build_id}/logs',
      permission: 'builds:get',
      summary: 'Returns the log of a build, line by line.',
      answer: buildLogObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => builds.logs(caller, params.name, params.build_id),
    }),
  ];
}
