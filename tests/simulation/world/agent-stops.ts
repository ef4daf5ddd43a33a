import type { AgentRow } from '../../../controller/domain/agents/rows.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { Worker } from '../../../guest/runs/worker-host.ts';
import type { Machine } from './machine.ts';

interface Rest {
  readonly fromMs: number;
  untilMs: number;
}

/** When which agent was inactive or stopped, its messages then, and its live workers. */
export class AgentStops {
  readonly #agents = new Map<string, AgentRow>();
  readonly #rests = new Map<string, Rest[]>();
  readonly #known = new Map<string, number>();
  /** By process of a guest, then by agent. */
  readonly workers = new Map<string, Map<string, Pick<Worker, 'alive'>>>();

  committed(
    mutations: readonly Mutation[],
    nowMs: number,
    spaceOf: (sessionId: string) => string | undefined,
    violation: (what: string) => void,
  ) {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'agents') this.#became(mutation.row, nowMs);
      if (mutation.table !== 'queue' || this.#known.has(mutation.row.id)) continue;
      const { id, agent, sessionId } = mutation.row;
      this.#known.set(id, nowMs);
      const spaceId = spaceOf(sessionId);
      if (agent !== null && spaceId !== undefined && this.isResting(spaceId, agent)) violation(`${id} is for ${agent}, which rests`);
    }
  }

  restored(view: View, nowMs: number): void {
    for (const { id } of [...this.#agents.values()]) {
      const row = view.get('agents', id);
      if (row !== undefined) this.#became(row, nowMs);
    }
  }

  isResting(spaceId: string, name: string): boolean {
    return this.#rests.get(`${spaceId} ${name}`)?.at(-1)?.untilMs === Number.POSITIVE_INFINITY;
  }

  /** Returns whether it was inactive at that time, and is since. */
  rests(spaceId: string, name: string, sinceMs: number): boolean {
    return this.isResting(spaceId, name) && (this.#rests.get(`${spaceId} ${name}`)?.at(-1)?.fromMs ?? Number.POSITIVE_INFINITY) <= sinceMs;
  }

  /** Returns when a message to an agent was committed; undefined if none was. */
  queuedAt(messageId: string): number | undefined {
    return this.#known.get(messageId);
  }

  /** Returns whether it was inactive at that time or later. */
  hasRested(spaceId: string, name: string, sinceMs: number): boolean {
    return this.#rests.get(`${spaceId} ${name}`)?.some(({ untilMs }) => untilMs >= sinceMs) ?? false;
  }

  /**
   * Call at rest: no inactive agent has a live worker. What runs on a removed machine can no longer
   * be stopped.
   */
  judge(machines: readonly Machine[], spaceOf: (sessionId: string) => string | undefined, violation: (what: string) => void): void {
    for (const { guests, host } of machines)
      for (const [sessionId, life] of guests) {
        const spaceId = spaceOf(sessionId);
        if (spaceId === undefined || host.containers.get(sessionId)?.state !== 'running') continue;
        for (const [agent, { alive }] of this.workers.get(life.name) ?? [])
          if (alive && this.isResting(spaceId, agent)) violation(`a worker of ${agent}, which rests, lives in ${life.name}`);
      }
  }

  #became(row: AgentRow, nowMs: number): void {
    this.#agents.set(row.id, row);
    const key = `${row.spaceId} ${row.name}`;
    const rests = this.#rests.get(key) ?? [];
    this.#rests.set(key, rests);
    const last = rests.at(-1);
    const rested = last?.untilMs === Number.POSITIVE_INFINITY;
    if (row.wanted !== 'active' && !rested) rests.push({ fromMs: nowMs, untilMs: Number.POSITIVE_INFINITY });
    else if (row.wanted === 'active' && last !== undefined && rested) last.untilMs = nowMs;
  }
}
