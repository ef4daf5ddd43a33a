import { orphanObject, sessionObject } from '../../contract/objects.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part, sessionIn } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function orphanRoutes({ services: { orphans } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/nodes/{id}/orphans',
      fromMemory: true,
      permission: 'nodes:get',
      summary: 'Containers and volumes on a node that no session explains; they stay until somebody decides',
      item: orphanObject,
      refusals: ['NOT_FOUND', 'UNAVAILABLE'],
      respond: ({ caller, params, page }) => orphans.list(caller, part(params, 'id'), page),
    }),
    route({
      method: 'POST',
      path: '/nodes/{id}/orphans/{session}/adopt',
      permission: 'nodes:update',
      summary: 'Makes a session of an orphan, owned by the caller: one with a container runs on, one without is suspended',
      description: 'It also needs sessions:create and sessions:update in the space of the orphan.',
      answers: { 201: sessionObject },
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
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
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      async respond({ caller, params }) {
        const id = sessionIn({ id: part(params, 'session') });
        if (!id.ok) return id;
        const removed = await orphans.remove(caller, part(params, 'id'), id.value);
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
  ];
}
