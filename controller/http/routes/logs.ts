import type { Context } from 'koa';
import { agentLogsObject, DEFAULT_LINES, type LogQuery, logQuery, spaceLogQuery, spaceLogsObject } from '../../contract/logs.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import { refreshed } from '../../services/access/access.ts';
import type { Caller } from '../../services/access/caller.ts';
import { agentLogs, spaceLogs } from '../../services/logs/log-objects.ts';
import type { LogsRead } from '../../services/logs/log-reader.ts';
import type { LogRequest, LogScope } from '../../services/logs/log-scope.ts';
import { streamLogs } from '../events/sse.ts';
import { isUuid } from '../input/ids.ts';
import { type Route, route } from '../routing/route.ts';
import type { RouteDeps } from '../routing/route-deps.ts';

type ScopeOf = (caller: Caller) => Outcome<LogScope>;

export function logRoutes(deps: RouteDeps): Route[] {
  const { logs } = deps.services;

  /** Follows the lines of a scope, or reads them if the caller can still see them afterwards. */
  async function show<Body>(
    { ctx, caller, follow }: { readonly ctx: Context; readonly caller: Caller; readonly follow: boolean | undefined },
    scopeOf: ScopeOf,
    object: (scope: LogScope, read: LogsRead) => Body,
  ): Promise<Outcome<Body | undefined>> {
    const scope = scopeOf(caller);
    if (!scope.ok) return scope;
    if (follow === true) return streamLogs(ctx, scope.value, scopeOf, deps);
    const read = await logs.read(scope.value);
    const now = refreshed(caller);
    if (!now.ok) return now;
    const still = scopeOf(now.value);
    return still.ok ? mapped(read, (lines) => object(scope.value, lines)) : still;
  }

  return [
    route({
      method: 'GET',
      path: '/spaces/{name}/agents/{agent}/logs',
      permission: 'agents:logs',
      recorded: 'noted',
      summary: 'Returns the output of an agent in running sessions.',
      description:
        'Logs are stored on the session volumes. A paused or suspended session is skipped, or answers 409 if `session_id` names it: resume it to read its logs. With `follow=true` the response is a text/event-stream.',
      query: logQuery,
      answer: agentLogsObject,
      mayStream: true,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      respond({ ctx, caller, params: { name, agent }, query }) {
        const wanted = requestOf(query);
        if (!wanted.ok) return wanted;
        return show({ ctx, caller, follow: query.follow }, (now) => logs.agentScope(now, name, agent, wanted.value), agentLogs);
      },
    }),
    route({
      method: 'GET',
      path: '/spaces/{name}/logs',
      permission: 'own or agents:logs',
      recorded: 'noted',
      summary: 'Returns the output of all agents in the running sessions of a space.',
      description:
        'Without `agents:logs`, only the sessions that the caller owns are read. Logs are stored on the session volumes. A paused or suspended session is skipped, or answers 409 if `session_id` names it: resume it to read its logs. With `follow=true` the response is a text/event-stream, and sessions that start later are followed too.',
      query: spaceLogQuery,
      answer: spaceLogsObject,
      mayStream: true,
      refusals: ['NOT_FOUND', 'CONFLICT', 'RATE_LIMITED', 'UNAVAILABLE'],
      respond({ ctx, caller, params: { name }, query }) {
        const wanted = requestOf(query);
        if (!wanted.ok) return wanted;
        return show({ ctx, caller, follow: query.follow }, (now) => logs.spaceScope(now, name, query.agent, wanted.value), spaceLogs);
      },
    }),
  ];
}

function requestOf(query: LogQuery): Outcome<LogRequest> {
  const { lines = DEFAULT_LINES, limit = lines, log_type: stream = 'all', session_id: session, run_id: run, since, until, follow } = query;
  if (session !== undefined && !isUuid<SessionId>(session)) return NO_SESSION;
  if (follow === true && until !== undefined) return refused('BAD_REQUEST', 'A log is followed without end. Omit `until` or `follow`.');
  return accepted({
    ...{ limit, stream },
    ...(session === undefined ? {} : { session }),
    ...(run === undefined ? {} : { run }),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(until === undefined ? {} : { untilMs: until }),
  });
}
