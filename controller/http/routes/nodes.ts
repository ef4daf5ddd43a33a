import { createNodeToken } from '../../contract/nodes.ts';
import { nodeObject, nodeToken } from '../../contract/objects.ts';
import { accepted } from '../../domain/engine/outcome.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../input/path.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

export function nodeRoutes({ services: { nodes } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/nodes',
      fromMemory: true,
      permission: 'nodes:list',
      summary: 'The nodes with capacity, what is requested of it, lease and conditions',
      item: nodeObject,
      respond: ({ caller, page }) => nodes.list(caller, page),
    }),
    route({
      method: 'GET',
      path: '/nodes/{id}',
      permission: 'nodes:get',
      summary: 'One node',
      answers: { 200: nodeObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const node = nodes.get(caller, part(params, 'id'));
        return node.ok ? accepted({ status: 200, body: node.value }) : node;
      },
    }),
    route({
      method: 'POST',
      path: '/nodes/{id}/lost',
      operation: 'loseNode',
      permission: 'nodes:update',
      summary: 'Gives up a node that is unreachable: its sessions fail at once, instead of when it has been away too long',
      answers: { 200: nodeObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      async respond({ caller, params }) {
        const node = await nodes.lose(caller, part(params, 'id'));
        return node.ok ? accepted({ status: 200, body: node.value }) : node;
      },
    }),
    route<{ expires_in_s?: number }>({
      method: 'POST',
      path: '/nodes/tokens',
      operation: 'createNodeToken',
      permission: 'nodes:create',
      summary: 'A token with which one node joins; shown once',
      request: createNodeToken,
      answers: { 201: nodeToken },
      example: { expires_in_s: 3600 },
      async respond({ caller, body }) {
        const token = await nodes.createToken(caller, body.expires_in_s);
        return token.ok ? accepted({ status: 201, body: token.value }) : token;
      },
    }),
  ];
}
