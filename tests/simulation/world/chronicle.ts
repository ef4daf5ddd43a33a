import type { Desired, Mutation, SessionRow } from '../../../controller/domain/rows.ts';
import { Settlement } from './settlement.ts';

export interface Run {
  readonly sessionId: string;
  readonly messageId: string;
  readonly runId: string;
  readonly agent: string;
  readonly idempotent: boolean;
  readonly life: string;
  /** `stopped`: by its guest. */
  end: 'under way' | 'replied' | 'raised' | 'died' | 'stopped' | 'cut off';
}

/** What truly happened, as only the simulation can know: what was committed, which runs began and how they ended, what was broken. */
export class Chronicle {
  readonly runs: Run[] = [];
  /** The newest committed row of each session. */
  readonly sessions = new Map<string, SessionRow>();
  readonly tombstones = new Map<string, number>();
  /** How often a session's guest was killed, by a fault or with its container. */
  readonly guestKills = new Map<string, number>();
  readonly #killed = new Set<string>();
  readonly volumesLost = new Set<string>();
  readonly volumesFilled = new Set<string>();
  /** Nodes that were given up at some time. */
  readonly lostNodes = new Set<string>();
  readonly failed = new Set<string>();
  readonly settlement = new Settlement();
  readonly #desired = new Map<string, Map<number, Desired>>();

  committed(mutations: readonly Mutation[]): void {
    this.settlement.committed(mutations);
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'tombstones') this.tombstones.set(mutation.row.id, mutation.row.upToGeneration);
      if (mutation.table === 'nodes' && mutation.row.lostAt !== null) this.lostNodes.add(mutation.row.id);
      if (mutation.table !== 'sessions') continue;
      const { row } = mutation;
      this.sessions.set(row.id, row);
      if (row.desired === 'failed') this.failed.add(row.id);
      const known = this.#desired.get(row.id) ?? new Map<number, Desired>();
      known.set(row.generation, row.desired);
      this.#desired.set(row.id, known);
    }
  }

  /** What a session should have been at that generation; undefined: there was none such. */
  desiredAt(sessionId: string, generation: number): Desired | undefined {
    return this.#desired.get(sessionId)?.get(generation);
  }

  guestKilled(sessionId: string, life: string): void {
    this.guestKills.set(sessionId, (this.guestKills.get(sessionId) ?? 0) + 1);
    this.#killed.add(life);
    for (const run of this.runs) if (run.life === life && run.end === 'under way') run.end = 'cut off';
  }

  wasSuspended(sessionId: string): boolean {
    return [...(this.#desired.get(sessionId)?.values() ?? [])].includes('suspended');
  }

  /** Whether the guest that began it was killed, during it or before its answer was kept. */
  wasCutOff(run: Run): boolean {
    return run.end === 'cut off' || this.#killed.has(run.life);
  }

  runsOf(messageId: string): readonly Run[] {
    return this.runs.filter((run) => run.messageId === messageId);
  }
}
