import { createNodeToken, nodeObject, nodeTokenObject } from '../../contract/nodes.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function nodeRoutes({ services: { nodes } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/nodes',
      fromMemory: true,
      permission: 'nodes:list',
      summary: 'Lists the nodes with their capacity, requested resources, lease and conditions.',
      item: nodeObject,
      respond: ({ caller, page }) => nodes.list(caller, page),
    }),
    route({
      method: 'GET',
      path: '/nodes/{id}',
      permission: 'nodes:get',
      summary: 'Returns a node, by id or name.',
      answer: nodeObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => nodes.get(caller, params.id),
    }),
    route({
      method: 'POST',
      path: '/nodes/{id}/lost',
      operation: 'loseNode',
      permission: 'nodes:update',
      summary: 'Declares an unreachable node lost, so that its sessions fail now instead of after a timeout.',
      answer: nodeObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      respond: ({ caller, params }) => nodes.lose(caller, params.id),
    }),
    route({
      method: 'POST',
      path: '/nodes/tokens',
      operation: 'createNodeToken',
      permission: 'nodes:create',
      summary: 'Creates a join token for one node. Only this response contains the token.',
      request: createNodeToken,
      status: 201,
      answer: nodeTokenObject,
      example: { expires_in_s: 3600 },
      respond: ({ caller, body }) => nodes.createToken(caller, body),
    }),
  ];
}
