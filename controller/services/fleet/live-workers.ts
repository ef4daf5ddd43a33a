import type { LiveWorker__Output } from '../../../proto/generated/raworc/v0/LiveWorker.ts';
import type { AgentId, NodeId, SessionId } from '../../domain/ids.ts';
import type { SessionRow } from '../../domain/rows.ts';
import type { View } from '../../domain/view.ts';

interface Live {
  readonly nodeId: NodeId;
  /** By agent: Unix milliseconds of the worker's start. */
  readonly startedAtMs: ReadonlyMap<AgentId, number>;
}

/** Which agents' processes live in which sessions, as the nodes last said. Kept in memory alone: each stream says it anew. */
export class LiveWorkers {
  readonly #sessions = new Map<SessionId, Live>();
  readonly #byAgent = new Map<AgentId, Set<SessionId>>();
  readonly #byNode = new Map<NodeId, Set<SessionId>>();

  /** Answers the names of those that live. */
  told(nodeId: NodeId, session: SessionRow, workers: readonly LiveWorker__Output[]): string[] {
    this.#forget(session.id);
    const built = new Map(session.agents.map(({ id, name }) => [name, id]));
    const startedAtMs = new Map<AgentId, number>();
    for (const worker of workers) {
      const id = built.get(worker.agent);
      if (id !== undefined) startedAtMs.set(id, worker.startedAtMs);
    }
    if (startedAtMs.size === 0) return [];
    this.#sessions.set(session.id, { nodeId, startedAtMs });
    this.#byNode.set(nodeId, (this.#byNode.get(nodeId) ?? new Set()).add(session.id));
    for (const id of startedAtMs.keys()) this.#byAgent.set(id, (this.#byAgent.get(id) ?? new Set()).add(session.id));
    return session.agents.flatMap(({ id, name }) => (startedAtMs.has(id) ? [name] : []));
  }

  /** Nothing is known of that node any more. */
  gone(nodeId: NodeId): void {
    for (const id of this.#byNode.get(nodeId) ?? []) this.#forget(id);
    this.#byNode.delete(nodeId);
  }

  /** Its workers in sessions that are up: one that is frozen does nothing. */
  of(view: View, agent: AgentId): { readonly sessionId: SessionId; readonly startedAtMs: number }[] {
    return [...(this.#byAgent.get(agent) ?? [])].flatMap((sessionId) => {
      const startedAtMs = this.#sessions.get(sessionId)?.startedAtMs.get(agent);
      const row = view.get('sessions', sessionId);
      return startedAtMs === undefined || row?.desired !== 'running' || row.phase !== 'running' ? [] : [{ sessionId, startedAtMs }];
    });
  }

  #forget(id: SessionId): void {
    for (const agent of this.#sessions.get(id)?.startedAtMs.keys() ?? []) {
      const sessions = this.#byAgent.get(agent);
      sessions?.delete(id);
      if (sessions?.size === 0) this.#byAgent.delete(agent);
    }
    const nodeId = this.#sessions.get(id)?.nodeId;
    if (nodeId !== undefined) this.#byNode.get(nodeId)?.delete(id);
    this.#sessions.delete(id);
  }
}
