import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { Desired, SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { Settlement } from './settlement.ts';

export interface Run {
  readonly sessionId: string;
  readonly messageId: string;
  readonly runId: string;
  readonly agent: string;
  readonly idempotent: boolean;
  readonly life: string;
  /** In the run's own time. */
  readonly startedMs: number;
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
  /** Machines whose engine has refused or lost a call. */
  readonly enginesFailed = new Set<string>();
  /** Machines that lost images which no container used. */
  readonly imagesPruned = new Set<string>();
  /** Nodes that were given up at some time. */
  readonly lostNodes = new Set<string>();
  readonly failed = new Set<string>();
  /** Sessions of another life of the store: made after the backup from which it was restored. */
  readonly forgotten = new Set<string>();
  /** Sessions that had no volume when the store was restored, or were being removed, and since which generation one is expected all the same: they may fail for that. */
  readonly volumeless = new Map<string, number>();
  /** Messages that sessions began with: nobody waits for answers to them. */
  readonly copiedMessages = new Set<string>();
  readonly settlement = new Settlement();
  readonly #desired = new Map<string, Map<number, Desired>>();

  committed(mutations: readonly Mutation[]): void {
    this.settlement.committed(mutations);
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'tombstones') this.tombstones.set(mutation.row.id, mutation.row.upToGeneration);
      if (mutation.table === 'nodes' && mutation.row.lostAt !== null) this.lostNodes.add(mutation.row.id);
      if (mutation.table !== 'sessions') continue;
      this.forgotten.delete(mutation.row.id);
      this.#keep(mutation.row);
    }
  }

  /** The store is as it was when a backup was taken. What was made since is not known any more, and what was done since is not done. */
  restored(view: View, hasVolume: (sessionId: string) => boolean): void {
    for (const id of new Set([...this.sessions.keys(), ...this.forgotten])) {
      const row = view.get('sessions', id);
      if (row === undefined) {
        this.sessions.delete(id);
        this.forgotten.add(id);
        continue;
      }
      this.forgotten.delete(id);
      this.#keep(row);
      if (row.desired !== 'deleted' && (!hasVolume(id) || this.tombstones.has(id))) this.volumeless.set(id, row.generation);
    }
    this.settlement.restored(view, this.sessions.values());
  }

  #keep(row: SessionRow): void {
    this.sessions.set(row.id, row);
    if (row.desired === 'failed') this.failed.add(row.id);
    const known = this.#desired.get(row.id) ?? new Map<number, Desired>();
    known.set(row.generation, row.desired);
    this.#desired.set(row.id, known);
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

  /** A later message of the session that was begun before this one; undefined: none was, or this one was begun before. */
  overtakenBy(sessionId: string, messageId: string): string | undefined {
    const seq = this.settlement.seqOf(messageId);
    if (seq === undefined || this.runsOf(messageId).length > 0) return undefined;
    return this.runs.find((run) => run.sessionId === sessionId && (this.settlement.seqOf(run.messageId) ?? 0) > seq)?.messageId;
  }

  runsOf(messageId: string): readonly Run[] {
    return this.runs.filter((run) => run.messageId === messageId);
  }
}
