import { accepted } from '../../domain/outcome.ts';
import type { RouteContext } from '../app.ts';
import { answerPage, pageRequest } from '../pagination.ts';
import { part, sessionIn } from '../path.ts';
import { type Route, route } from '../route.ts';

export function orphanRoutes({ services: { orphans } }: RouteContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/nodes/{id}/orphans',
      permission: 'nodes:get',
      summary: 'Containers and volumes on a node that no session explains; they stay until somebody decides',
      respond({ ctx, caller, params, query }) {
        const page = pageRequest(query);
        if (!page.ok) return page;
        const found = orphans.list(caller, part(params, 'id'), page.value);
        if (!found.ok) return found;
        answerPage(ctx, page.value, found.value);
        return accepted(undefined);
      },
    }),
    route({
      method: 'POST',
      path: '/nodes/{id}/orphans/{session}/adopt',
      permission: 'nodes:update',
      summary: 'Makes a session of an orphan, owned by the caller: one with a container runs on, one without is suspended',
      async respond({ caller, params }) {
        const id = sessionIn({ id: part(params, 'session') });
        if (!id.ok) return id;
        const session = await orphans.adopt(caller, part(params, 'id'), id.value);
        return session.ok ? accepted({ status: 201, body: session.value }) : session;
      },
    }),
    route({
      method: 'DELETE',
      path: '/nodes/{id}/orphans/{session}',
      permission: 'nodes:update',
      summary: 'Removes an orphan for good, with its volume',
      async respond({ caller, params }) {
        const id = sessionIn({ id: part(params, 'session') });
        if (!id.ok) return id;
        const removed = await orphans.remove(caller, part(params, 'id'), id.value);
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
