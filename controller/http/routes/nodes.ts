import { accepted } from '../../domain/outcome.ts';
import type { RouteContext } from '../app.ts';
import { answerPage, pageRequest } from '../pagination.ts';
import { part } from '../path.ts';
import { type Route, route } from '../route.ts';
import { createNodeToken } from '../schemas/nodes.ts';

export function nodeRoutes({ services: { nodes } }: RouteContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/nodes',
      permission: 'nodes:list',
      summary: 'The nodes with capacity, what is requested of it, lease and conditions',
      respond({ ctx, caller, query }) {
        const page = pageRequest(query);
        if (!page.ok) return page;
        const found = nodes.list(caller, page.value);
        if (!found.ok) return found;
        answerPage(ctx, page.value, found.value);
        return accepted(undefined);
      },
    }),
    route({
      method: 'GET',
      path: '/nodes/{id}',
      permission: 'nodes:get',
      summary: 'One node',
      respond({ caller, params }) {
        const node = nodes.get(caller, part(params, 'id'));
        return node.ok ? accepted({ status: 200, body: node.value }) : node;
      },
    }),
    route({
      method: 'POST',
      path: '/nodes/{id}/lost',
      permission: 'nodes:update',
      summary: 'Gives up a node that is unreachable: its sessions fail at once, instead of when it has been away too long',
      async respond({ caller, params }) {
        const node = await nodes.lose(caller, part(params, 'id'));
        return node.ok ? accepted({ status: 200, body: node.value }) : node;
      },
    }),
    route<{ expires_in_s?: number }>({
      method: 'POST',
      path: '/nodes/tokens',
      permission: 'nodes:create',
      summary: 'A token with which one node joins; shown once',
      request: createNodeToken,
      async respond({ caller, body }) {
        const token = await nodes.createToken(caller, body.expires_in_s);
        return token.ok ? accepted({ status: 201, body: token.value }) : token;
      },
    }),
  ];
}
