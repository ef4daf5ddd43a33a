import { NO_AGENT } from '../../domain/agents/refusals.ts';
import type { AgentRow } from '../../domain/agents/rows.ts';
import type { AccountId, AgentId, SessionId } from '../../domain/engine/ids.ts';
import { accepted, hidden, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { LogNews } from '../../domain/events/events.ts';
import { NO_SESSION } from '../../domain/sessions/refusals.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { forbidden } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import { agentFor } from '../agents/agent-service.ts';

/** Selects the newest `limit` lines of one session, or of all sessions in the space. */
export interface LogRequest {
  readonly limit: number;
  readonly stream: 'stdout' | 'stderr' | 'all';
  readonly session?: SessionId;
  readonly run?: string;
  /** Unix milliseconds, both inclusive. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

type Agents = 'all' | ReadonlySet<AgentId>;

/** Lines that a caller can see. Compute the scope again to check that it still can. */
export interface LogScope extends LogRequest {
  /** The caller. */
  readonly accountId: AccountId;
  readonly space: Pick<SpaceRow, 'id' | 'name'>;
  /** The only agent whose lines are wanted; undefined for all. */
  readonly agent?: Pick<AgentRow, 'id' | 'name'>;
  /** Agents whose lines the caller can see in every session, and in the sessions that it owns. */
  readonly agents: Agents;
  readonly ownAgents: Agents;
}

/**
 * Returns the scope of one agent in all sessions; 404 for a session of another space or without
 * this agent.
 */
export function agentScope(view: View, caller: Caller, spaceName: string, name: string, request: LogRequest): Outcome<LogScope> {
  const found = agentFor(view, caller, spaceName, name, 'logs');
  if (!found.ok) return found;
  const { space, row: agent } = found.value;
  const agents = new Set([agent.id]);
  const scope = { ...request, accountId: caller.accountId, space, agent, agents, ownAgents: NONE };
  if (request.session === undefined || isVisible(view.get('sessions', request.session), scope)) return accepted(scope);
  return refused('NOT_FOUND', `This space has no such session with the agent "${name}".`);
}

/**
 * Returns the scope of a whole space, or of one agent in it: what `agents:logs` shows, and the
 * sessions that the caller owns. 404 for a session that shows the caller no lines.
 */
export function spaceScope(
  view: View,
  caller: Caller,
  spaceName: string,
  name: string | undefined,
  request: LogRequest,
): Outcome<LogScope> {
  const space = view.spaceByName(spaceName);
  if (space === undefined) return NO_SPACE;
  const { permissions, accountId } = caller;
  const rows = view.agentsIn(space.id);
  const those = (may: (...names: string[]) => boolean): Agents =>
    may() ? 'all' : new Set(rows.filter((row) => may(row.name)).map(({ id }) => id));
  const agents = those((...names) => permissions.allows('agents', 'logs', space.id, ...names));
  const ownAgents = those((...names) => permissions.allowsOwnIn(space.id, 'agents', 'logs', ...names));
  if (isNone(agents) && isNone(ownAgents)) return permissions.knows(space.id) ? forbidden('agents', 'logs') : hidden(NO_SPACE);
  const agent = name === undefined ? undefined : view.agentByName(space.id, name);
  if (name !== undefined && (agent === undefined || !(has(agents, agent.id) || has(ownAgents, agent.id)))) return NO_AGENT;
  const scope = { ...request, accountId, space, agents, ownAgents, ...(agent === undefined ? {} : { agent }) };
  if (request.session === undefined || isVisible(view.get('sessions', request.session), scope)) return accepted(scope);
  return NO_SESSION;
}

/** Returns the names of the agents in this session whose lines the scope includes. */
export function agentsOf(row: SessionRow | undefined, scope: LogScope): readonly string[] {
  if (row === undefined || !isIn(row, scope)) return [];
  const isOwn = row.createdById === scope.accountId;
  return row.agents
    .filter(({ id }) => scope.agent === undefined || scope.agent.id === id)
    .filter(({ id }) => has(scope.agents, id) || (isOwn && has(scope.ownAgents, id)))
    .map(({ name }) => name);
}

/** Returns whether the request wants this line of a session and agent in the scope. */
export const isWanted = (line: Pick<LogNews, 'stream' | 'runId' | 'at'>, { stream, run, sinceMs = 0, untilMs = Infinity }: LogRequest) =>
  (stream === 'all' || line.stream === stream) && (run === undefined || line.runId === run) && line.at >= sinceMs && line.at <= untilMs;

/** Returns whether both scopes show the same lines. */
export const isSameSight = (a: LogScope, b: LogScope): boolean =>
  a.space.id === b.space.id && a.agent?.id === b.agent?.id && isSame(a.agents, b.agents) && isSame(a.ownAgents, b.ownAgents);

export const isUp = ({ desired, phase }: SessionRow): boolean => desired === 'running' && phase === 'running';

const NONE: Agents = new Set<AgentId>();
const isNone = (agents: Agents): boolean => agents !== 'all' && agents.size === 0;
const has = (agents: Agents, id: AgentId): boolean => agents === 'all' || agents.has(id);
const isSame = (a: Agents, b: Agents): boolean =>
  a === 'all' || b === 'all' ? a === b : a.size === b.size && [...a].every((id) => b.has(id));

function isVisible(row: SessionRow | undefined, scope: LogScope): boolean {
  if (agentsOf(row, scope).length > 0) return true;
  // A session that has no such agents is there, and has no lines.
  if (row === undefined || !isIn(row, scope) || scope.agent !== undefined) return false;
  return scope.agents === 'all' || (scope.ownAgents === 'all' && row.createdById === scope.accountId);
}

const isIn = (row: SessionRow, { space, session }: LogScope): boolean =>
  row.desired !== 'deleted' && row.spaceId === space.id && (session === undefined || session === row.id);
