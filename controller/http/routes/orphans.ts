import { orphanObject } from '../../contract/nodes.ts';
import { sessionObject } from '../../contract/sessions.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function orphanRoutes({ services: { orphans } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/nodes/{id}/orphans',
      fromMemory: true,
      permission: 'nodes:get',
      summary: 'Lists containers and volumes on a node that belong to no session.',
      description: 'Raworc keeps orphans until an operator adopts or deletes them.',
      item: orphanObject,
      refusals: ['NOT_FOUND', 'UNAVAILABLE'],
      respond: ({ caller, params, page }) => orphans.list(caller, params.id, page),
    }),
    route({
      method: 'POST',
      path: '/nodes/{id}/orphans/{session}/adopt',
      permission: 'nodes:update',
      summary: 'Turns an orphan into a session owned by the caller: running if it has a container, else suspended.',
      description: 'Also needs sessions:create and sessions:update in the space of the orphan.',
      status: 201,
      answer: sessionObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      respond: ({ caller, params }) => orphans.adopt(caller, params.id, params.session),
    }),
    route({
      method: 'DELETE',
      path: '/nodes/{id}/orphans/{session}',
      permission: 'nodes:update',
      summary: 'Deletes an orphan and its volume.',
      answer: 'nothing',
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      respond: ({ caller, params }) => orphans.remove(caller, params.id, params.session),
    }),
  ];
}
