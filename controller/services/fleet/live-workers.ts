import type { LiveWorker__Output } from '../../../proto/generated/raworc/v0/LiveWorker.ts';
import type { AgentId, NodeId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';

interface Live {
  readonly nodeId: NodeId;
  readonly spaceId: SpaceId;
  /** Start time of each agent's worker in Unix milliseconds. */
  readonly startedAtMs: ReadonlyMap<AgentId, number>;
  /** Reports of paused or starting sessions are ignored: their workers do not run. */
  isUp: boolean;
}

/**
 * Tracks the live workers of agents by session, as nodes report them. In memory only: each new
 * stream reports again.
 */
export class LiveWorkers {
  readonly #sessions = new Map<SessionId, Live>();
  readonly #byNode = new Map<NodeId, Set<SessionId>>();
  /** Running sessions by agent. An agent without a worker has no entry. */
  readonly #up = new Map<AgentId, Map<SessionId, number>>();
  readonly #bySpace = new Map<SpaceId, Set<AgentId>>();

  /** Records a report and returns the names of live agents. */
  report(nodeId: NodeId, session: SessionRow, workers: readonly LiveWorker__Output[]): string[] {
    this.#forget(session.id);
    const built = new Map(session.agents.map(({ id, name }) => [name, id]));
    const startedAtMs = new Map<AgentId, number>();
    for (const worker of workers) {
      const id = built.get(worker.agent);
      if (id !== undefined) startedAtMs.set(id, worker.startedAtMs);
    }
    if (startedAtMs.size === 0) return [];
    const live: Live = { nodeId, spaceId: session.spaceId, startedAtMs, isUp: false };
    this.#sessions.set(session.id, live);
    inSet(this.#byNode, nodeId).add(session.id);
    this.#setUp(session.id, live, isUp(session));
    return session.agents.flatMap(({ id, name }) => (startedAtMs.has(id) ? [name] : []));
  }

  /** Call after each commit. */
  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.table !== 'sessions') continue;
      const { row } = mutation;
      const live = this.#sessions.get(row.id);
      if (live === undefined) continue;
      if (row.desired === 'deleted') this.#forget(row.id);
      else this.#setUp(row.id, live, isUp(row));
    }
  }

  /** Drops everything known about a node. */
  forget(nodeId: NodeId): void {
    for (const id of [...(this.#byNode.get(nodeId) ?? [])]) this.#forget(id);
  }

  /** Returns the number of running sessions in which an agent has a worker. */
  count(agent: AgentId): number {
    return this.#up.get(agent)?.size ?? 0;
  }

  /** Returns when the oldest of these workers started, in Unix milliseconds. */
  startedAtMs(agent: AgentId): number | undefined {
    let earliest: number | undefined;
    for (const at of this.#up.get(agent)?.values() ?? []) if (earliest === undefined || at < earliest) earliest = at;
    return earliest;
  }

  /** Returns the agents of a space with a worker in a running session. */
  agentsIn(space: SpaceId): readonly AgentId[] {
    return [...(this.#bySpace.get(space) ?? [])];
  }

  #setUp(id: SessionId, live: Live, isUp: boolean): void {
    if (live.isUp === isUp) return;
    live.isUp = isUp;
    for (const [agent, startedAtMs] of live.startedAtMs) {
      const sessions = this.#up.get(agent) ?? new Map<SessionId, number>();
      if (isUp) {
        this.#up.set(agent, sessions.set(id, startedAtMs));
        inSet(this.#bySpace, live.spaceId).add(agent);
      } else {
        sessions.delete(id);
        if (sessions.size > 0) continue;
        this.#up.delete(agent);
        outOfSet(this.#bySpace, live.spaceId, agent);
      }
    }
  }

  #forget(id: SessionId): void {
    const live = this.#sessions.get(id);
    if (live === undefined) return;
    this.#setUp(id, live, false);
    this.#sessions.delete(id);
    outOfSet(this.#byNode, live.nodeId, id);
  }
}

const isUp = ({ desired, phase }: SessionRow): boolean => desired === 'running' && phase === 'running';

function inSet<Key, Member>(sets: Map<Key, Set<Member>>, key: Key): Set<Member> {
  const known = sets.get(key) ?? new Set<Member>();
  sets.set(key, known);
  return known;
}

function outOfSet<Key, Member>(sets: Map<Key, Set<Member>>, key: Key, member: Member): void {
  const known = sets.get(key);
  known?.delete(member);
  if (known?.size === 0) sets.delete(key);
}
