import { agentObject, changeAgent, createAgent, putStatus, runningAgentObject, sourceObject } from '../../contract/agents.ts';
import { payerIn } from '../access/budget-gate.ts';
import { readUpload } from '../input/upload.ts';
import { listRoute, type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

const ALL = '/spaces/{name}/agents';
const ONE = `${ALL}/{agent}` as const;

export function agentRoutes(deps: RouteDeps): Route[] {
  const { agents } = deps.services;
  return [
    listRoute({
      path: ALL,
      permission: 'agents:list',
      summary: 'Lists the agents of a space.',
      item: agentObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, page }) => agents.list(caller, params.name, page),
    }),
    listRoute({
      path: `${ALL}/running`,
      fromMemory: true,
      operation: 'listRunningAgents',
      permission: 'agents:list',
      summary: 'Lists the agents of a space that have a live worker in a session.',
      item: runningAgentObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params, page }) => agents.running(caller, params.name, page),
    }),
    route({
      method: 'POST',
      path: ALL,
      permission: 'agents:create',
      summary: 'Creates an agent. Its code comes from a repository or an upload.',
      creates: true,
      request: createAgent,
      status: 201,
      answer: agentObject,
      refusals: ['NOT_FOUND', 'CONFLICT'],
      description:
        'With `source_repo` the agent is active at once, and a build is queued. Without it, nothing runs until a source is uploaded and deployed.',
      example: { name: 'greeter', description: 'Says hello', purpose: 'A first light' },
      respond: ({ caller, params, body, idempotency }) => agents.create(caller, params.name, body, idempotency),
    }),
    route({
      method: 'GET',
      path: ONE,
      permission: 'agents:get',
      summary: 'Returns an agent.',
      answer: agentObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => agents.get(caller, params.name, params.agent),
    }),
    route({
      method: 'PUT',
      path: ONE,
      permission: 'agents:update',
      summary: 'Updates the fields that are sent. Null clears the description or purpose, and that of raworc.json applies again.',
      request: changeAgent,
      answer: agentObject,
      refusals: ['NOT_FOUND'],
      example: { description: 'Says hello in three languages' },
      respond: ({ caller, params, body }) => agents.update(caller, params.name, params.agent, body),
    }),
    route({
      method: 'DELETE',
      path: ONE,
      permission: 'agents:delete',
      summary: 'Deletes an agent and stops its workers.',
      description: 'Existing images keep its code. Messages to the agent, queued or posted later, get an error_response.',
      answer: 'nothing',
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => agents.remove(caller, params.name, params.agent),
    }),
    route({
      method: 'PATCH',
      path: `${ONE}/status`,
      permission: 'agents:update',
      summary: 'Sets whether an agent receives messages.',
      description:
        'Messages to an inactive or stopped agent, including queued ones, get an error_response. With `inactive`, a run in progress finishes; with `stopped`, it is interrupted.',
      request: putStatus,
      answer: agentObject,
      refusals: ['NOT_FOUND'],
      example: { status: 'inactive' },
      respond: ({ caller, params, body }) => agents.setStatus(caller, params.name, params.agent, body.status),
    }),
    route({
      method: 'PUT',
      path: `${ONE}/source`,
      permission: 'agents:update',
      summary: 'Uploads the files of an agent as tar.gz, up to 64 MiB compressed.',
      raw: 'application/gzip',
      status: 201,
      answer: sourceObject,
      refusals: ['NOT_FOUND'],
      async respond({ ctx, caller, params }) {
        const body = readUpload(ctx.req);
        if (!body.ok) return body;
        try {
          return await agents.upload(caller, params.name, params.agent, body.value, payerIn(ctx));
        } finally {
          body.value.destroy();
        }
      },
    }),
    route({
      method: 'POST',
      path: `${ONE}/deploy`,
      permission: 'agents:deploy',
      summary: 'Builds the newest source and makes the agent active.',
      description:
        'If the build fails, sessions keep the newest completed one. The agent stays, also if it was never built before: with status `error`, until a corrected source is deployed or the agent is deleted.',
      answer: agentObject,
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
      respond: ({ caller, params }) => agents.deploy(caller, params.name, params.agent),
    }),
    route({
      method: 'POST',
      path: `${ONE}/stop`,
      permission: 'agents:deploy',
      summary: 'Stops the workers of an agent in every session, and makes it inactive.',
      answer: agentObject,
      refusals: ['NOT_FOUND'],
      respond: ({ caller, params }) => agents.stop(caller, params.name, params.agent),
    }),
  ];
}
