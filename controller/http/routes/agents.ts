import { accepted } from '../../domain/outcome.ts';
import type { ChangeAgent, CreateAgent } from '../../services/api.ts';
import type { RouteContext } from '../app.ts';
import { part } from '../path.ts';
import { listRoute, type Route, route } from '../route.ts';
import { changeAgent, createAgent, putStatus } from '../schemas/agents.ts';
import { agentObject, runningAgentObject, sourceObject } from '../schemas/objects.ts';
import { readUpload } from '../upload.ts';

export function agentRoutes({ services: { agents } }: RouteContext): Route[] {
  return [
    listRoute({
      path: '/spaces/{name}/agents',
      permission: 'agents:list',
      summary: 'The agents of a space',
      item: agentObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, page }) => agents.list(caller, part(params, 'name'), page),
    }),
    listRoute({
      path: '/spaces/{name}/agents/running',
      permission: 'agents:list',
      summary: 'The agents of a space that have a live worker in any session',
      item: runningAgentObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, page }) => agents.running(caller, part(params, 'name'), page),
    }),
    route<CreateAgent>({
      method: 'POST',
      path: '/spaces/{name}/agents',
      permission: 'agents:create',
      summary: 'A new agent; what it runs comes from its repository or an upload',
      creates: true,
      request: createAgent,
      answers: { 201: agentObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      description:
        'With source_repo it is active at once, and a build is queued; without one nothing runs until a source is uploaded and deployed.',
      example: { name: 'greeter', description: 'Says hello', purpose: 'A first light' },
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
      answers: { 200: agentObject },
      refusals: ['NOT_FOUND'],
      respond({ caller, params }) {
        const agent = agents.get(caller, part(params, 'name'), part(params, 'agent'));
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
    route<ChangeAgent>({
      method: 'PUT',
      path: '/spaces/{name}/agents/{agent}',
      permission: 'agents:update',
      summary: 'Changes what is named; null clears description and purpose',
      request: changeAgent,
      answers: { 200: agentObject },
      refusals: ['NOT_FOUND'],
      example: { description: 'Says hello in three languages' },
      async respond({ caller, params, body }) {
        const agent = await agents.update(caller, part(params, 'name'), part(params, 'agent'), body);
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
    route({
      method: 'DELETE',
      path: '/spaces/{name}/agents/{agent}',
      permission: 'agents:delete',
      summary: 'Removes an agent, and ends its workers',
      description: 'Images that hold it stay. What it was asked and has not answered, or is asked later, gets an error_response.',
      answers: { 204: 'nothing' },
      refusals: ['NOT_FOUND'],
      async respond({ caller, params }) {
        const removed = await agents.remove(caller, part(params, 'name'), part(params, 'agent'));
        return removed.ok ? accepted({ status: 204 }) : removed;
      },
    }),
    route({
      method: 'PATCH',
      path: '/spaces/{name}/agents/{agent}/status',
      permission: 'agents:update',
      summary: 'Makes an agent active, inactive or stopped',
      description: 'An inactive or stopped agent gets no messages: they get an error_response. Stopping ends its workers too.',
      request: putStatus,
      answers: { 200: agentObject },
      refusals: ['NOT_FOUND'],
      example: { status: 'inactive' },
      async respond({ caller, params, body }) {
        const agent = await agents.setStatus(caller, part(params, 'name'), part(params, 'agent'), body.status);
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
    route({
      method: 'PUT',
      path: '/spaces/{name}/agents/{agent}/source',
      permission: 'agents:update',
      summary: 'The files of an agent as tar.gz, up to 64 MiB packed',
      raw: 'application/gzip',
      answers: { 201: sourceObject },
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
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
      answers: { 200: agentObject },
      refusals: ['NOT_FOUND', 'CONFLICT'],
      async respond({ caller, params }) {
        const agent = await agents.deploy(caller, part(params, 'name'), part(params, 'agent'));
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
    route({
      method: 'POST',
      path: '/spaces/{name}/agents/{agent}/stop',
      permission: 'agents:deploy',
      summary: 'Ends an agent’s workers in every session, and makes it inactive',
      answers: { 200: agentObject },
      refusals: ['NOT_FOUND'],
      async respond({ caller, params }) {
        const agent = await agents.stop(caller, part(params, 'name'), part(params, 'agent'));
        return agent.ok ? accepted({ status: 200, body: agent.value }) : agent;
      },
    }),
  ];
}
