import { accepted } from '../../domain/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../path.ts';
import { type Route, route } from '../route.ts';
import { createBuild } from '../schemas/builds.ts';

export function buildRoutes({ services: { builds } }: RouteContext): Route[] {
  return [
    route({
      method: 'POST',
      path: '/spaces/{name}/build',
      permission: 'builds:create',
      summary: 'Builds the active agents of a space into one image',
      request: createBuild,
      async respond({ caller, params }) {
        const build = await builds.create(caller, part(params, 'name'));
        return build.ok ? accepted({ status: 201, body: build.value }) : build;
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/build/latest',
      permission: 'builds:get',
      summary: 'The newest build of a space',
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
      respond({ caller, params }) {
        const build = builds.get(caller, part(params, 'name'), part(params, 'build_id'));
        return build.ok ? accepted({ status: 200, body: build.value }) : build;
      },
    }),
  ];
}
