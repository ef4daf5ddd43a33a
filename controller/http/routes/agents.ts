import { z } from 'zod';
import { changeAgent, createAgent, putStatus } from '../../contract/agents.ts';
import { agentLogsObject, agentObject, runningAgentObject, sourceObject } from '../../contract/objects.ts';
import { flagParameter, parameter, wholeParameter, wordParameter } from '../../contract/parameters.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, refused } from '../../domain/engine/outcome.ts';
import { stillThere } from '../../services/access/access.ts';
import type { ChangeAgent, CreateAgent } from '../../services/engine/api.ts';
import { payerIn } from '../access/budget-gate.ts';
import type { RouteContext } from '../app.ts';
import { streamLogs } from '../events/sse.ts';
import { isUuid } from '../input/ids.ts';
import { part } from '../input/path.ts';
import { readUpload } from '../input/upload.ts';
import { listRoute, type Route, route } from '../routing/route.ts';

const MAX_LINES = 1000;
const LINES = 100;

const logQuery = z.object({
  limit: wholeParameter(1, MAX_LINES, `The newest lines, ${LINES} when not given`),
  lines: wholeParameter(1, MAX_LINES, 'The same as limit'),
  log_type: wordParameter(['stdout', 'stderr', 'all'], 'Of one stream alone'),
  session_id: parameter('Of one session alone'),
  follow: flagParameter('Goes on with what is printed from now on, as server-sent events of type log'),
});

export function agentRoutes(context: RouteContext): Route[] {
  const { agents, agentLogs } = context.services;
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
      fromMemory: true,
      operation: 'listRunningAgents',
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
      refusals: ['NOT_FOUND', 'REQUEST_TIMEOUT'],
      async respond({ ctx, caller, params }) {
        const body = readUpload(ctx.req);
        if (!body.ok) return body;
        try {
          const source = await agents.upload(caller, part(params, 'name'), part(params, 'agent'), body.value, payerIn(ctx));
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
      refusals: ['NOT_FOUND', 'CONFLICT', 'UNAVAILABLE'],
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
    route({
      method: 'GET',
      path: '/spaces/{name}/agents/{agent}/logs',
      permission: 'agents:logs',
      summary: 'What an agent printed in the sessions that are up',
      description:
        'Logs stay on the sessions’ volumes. A session that rests can be read once it is resumed: 409 where it is named, and otherwise it is passed over. With follow=true the answer is a text/event-stream.',
      query: logQuery,
      answers: { 200: agentLogsObject },
      mayStream: true,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      async respond({ ctx, caller, params, query: { limit, lines, log_type, session_id, follow } }) {
        const request = { limit: limit ?? lines ?? LINES, stream: log_type ?? 'all' } as const;
        if (session_id !== undefined && !isUuid<SessionId>(session_id)) return refused('NOT_FOUND', 'There is no such session.');
        const wanted = session_id === undefined ? request : { ...request, session: session_id };
        const scope = agentLogs.scope(caller, part(params, 'name'), part(params, 'agent'), wanted);
        if (!scope.ok) return scope;
        if (follow === true) return streamLogs(ctx, scope.value, context);
        const logs = await agentLogs.read(scope.value);
        const now = stillThere(caller);
        if (!now.ok) return now;
        const still = agentLogs.scope(now.value, part(params, 'name'), part(params, 'agent'), wanted);
        if (!still.ok) return still;
        return logs.ok ? accepted({ status: 200, body: logs.value }) : logs;
      },
    }),
  ];
}
