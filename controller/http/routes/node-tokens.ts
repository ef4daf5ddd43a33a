import { createNodeToken, newNodeTokenObject, nodeTokenObject } from '../../contract/nodes.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

export function nodeTokenRoutes({ services: { nodeTokens } }: RouteDeps): Route[] {
  return [
    listRoute({
      path: '/nodes/tokens',
      operation: 'listNodeTokens',
      fromMemory: true,
      permission: 'nodes:list',
      summary: 'Lists the join tokens that can still be used.',
      item: nodeTokenObject,
      respond: ({ caller, page }) => nodeTokens.list(caller, page),
    }),
    route({
      method: 'POST',
      path: '/nodes/tokens',
      operation: 'createNodeToken',
      permission: 'nodes:create',
      summary: 'Creates a join token, for one node unless `uses` says otherwise. Only this response contains the token.',
      request: createNodeToken,
      status: 201,
      answer: newNodeTokenObject,
      refusals: ['CONFLICT'],
      example: { expires_in_s: 3600, uses: 3, labels: { zone: 'rack-2' } },
      respond: ({ caller, body }) => nodeTokens.create(caller, body),
    }),
    route({
      method: 'DELETE',
      path: '/nodes/tokens/{token}',
      operation: 'revokeNodeToken',
      permission: 'nodes:create',
      summary: 'Revokes a join token. Nodes that joined with it stay.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => nodeTokens.revoke(caller, params.token),
    }),
  ];
}
