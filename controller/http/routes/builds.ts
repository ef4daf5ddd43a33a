import { createBuild } from '../../contract/builds.ts';
import { buildLogObject, buildObject } from '../../contract/objects.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { type Route, route } from '../routing/route.ts';

export function buildRoutes({ services: { builds } }: RouteContext): Route[] {
  return [
    route({
      method: 'POST',
      path: '/spaces/{name}/build',
      permission: 'builds:create',
      summary: 'Builds the active agents of a space into one image',
      description: 'Without force a build that holds the same, finished or under way, is answered instead of a new one.',
      creates: true,
      request: createBuild,
      answers: { 201: buildObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      example: { force: true },
      async respond({ caller, params, body, idempotency }) {
        const force = body.force === true || body.force_rebuild === true;
        const build = await builds.create(caller, part(params, 'name'), { force }, idempotency);
        return build.ok ? accepted({ status: 201, body: build.value }) : build;
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/latest',
      permission: 'builds:get',
      summary: 'The newest build of a space',
      answers: { 200: buildObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const build = builds.latest(caller, part(params, 'name'));
        return build.ok ? accepted({ status: 200, body: build.value }) : build;
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/{build_id}',
      permission: 'builds:get',
      summary: 'One build',
      answers: { 200: buildObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const build = builds.get(caller, part(params, 'name'), part(params, 'build_id'));
        return build.ok ? accepted({ status: 200, body: build.value }) : build;
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/{build_id}/logs',
      permission: 'builds:get',
      summary: 'What became of a build, line by line',
      answers: { 200: buildLogObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const logs = builds.logs(caller, part(params, 'name'), part(params, 'build_id'));
        return logs.ok ? accepted({ status: 200, body: logs.value }) : logs;
      },
    }),
  ];
}
