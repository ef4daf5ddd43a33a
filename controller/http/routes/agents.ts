import { accepted } from '../../domain/outcome.ts';
import type { CreateAgent } from '../../services/api.ts';
import type { RouteContext } from '../app.ts';
import { answerPage, pageRequest } from '../pagination.ts';
import { part } from '../path.ts';
import { type Route, route } from '../route.ts';
import { createAgent } from '../schemas/agents.ts';
import { readUpload } from '../upload.ts';

export function agentRoutes({ services: { agents } }: RouteContext): Route[] {
  return [
    route({
      method: 'GET',
      path: '/spaces/{name}/agents',
      permission: 'agents:list',
      summary: 'The agents of a space',
      async respond({ ctx, caller, params, query }) {
        const page = pageRequest(query);
        if (!page.ok) return page;
        const found = await agents.list(caller, part(params, 'name'), page.value);
        if (!found.ok) return found;
        answerPage(ctx, page.value, found.value);
        return accepted(undefined);
      },
    }),
    route<CreateAgent>({
      method: 'POST',
      path: '/spaces/{name}/agents',
      permission: 'agents:create',
      summary: 'A new agent; what it runs comes from its repository or an upload',
      creates: true,
      request: createAgent,
      async respond({ caller, params, body, idempotency }) {
        const made = await agents.create(caller, part(params, 'name'), body, idempotency);
        return made.ok ? accepted({ status: 201, body: made.value }) : made;
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/agents/{agent}',
      permission: 'agents:get',
      summary: 'One agent',
      respond({ caller, params }) {
        const agent = agents.get(caller, part(params, 'name'), part(params, 'agent'));
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
    route({
      method: 'PUT',
      path: '/spaces/{name}/agents/{agent}/source',
      permission: 'agents:update',
      summary: 'The files of an agent as tar.gz, up to 64 MiB packed',
      raw: 'application/gzip',
      async respond({ ctx, caller, params }) {
        const body = readUpload(ctx.req);
        if (!body.ok) return body;
        try {
          const source = await agents.upload(caller, part(params, 'name'), part(params, 'agent'), body.value);
          return source.ok ? accepted({ status: 201, body: source.value }) : source;
        } finally {
          body.value.destroy();
        }
      },
    }),
    route({
      method: 'POST',
      path: '/spaces/{name}/agents/{agent}/deploy',
      permission: 'agents:deploy',
      summary: 'Builds the newest source and makes the agent active',
      async respond({ caller, params }) {
        const agent = await agents.deploy(caller, part(params, 'name'), part(params, 'agent'));
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
  ];
}
