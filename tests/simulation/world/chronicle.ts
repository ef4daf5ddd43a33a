import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { Desired, SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { SLOT_GENERATION } from '../../../controller/domain/slots/slot.ts';
import { SEVERAL } from './answer-order.ts';
import { Settlement } from './settlement.ts';

export interface Run {
  readonly sessionId: string;
  readonly messageId: string;
  readonly runId: string;
  /** The hop for which it is; undefined for the message itself. */
  readonly hop: string | undefined;
  readonly agent: string;
  readonly idempotent: boolean;
  readonly life: string;
  /** In simulated time. */
  readonly startedMs: number;
  /** `stopped`: by its guest. */
  end: 'under way' | 'replied' | 'raised' | 'died' | 'stopped' | 'cut off';
}

/**
 * What really happened, as only the simulation can know: commits, runs and their ends, and faults.
 */
export class Chronicle {
  readonly runs: Run[] = [];
  /** The newest committed row of each session. */
  readonly sessions = new Map<string, SessionRow>();
  readonly tombstones = new Map<string, number>();
  /** Number of kills of a session's guest, by a fault or with its container. */
  readonly guestKills = new Map<string, number>();
  /** How many messages kills of a session's guests can have cut off: one each, or as many as were worked on at once. */
  readonly mostCutOff = new Map<string, number>();
  readonly #killed = new Set<string>();
  readonly volumesLost = new Set<string>();
  readonly volumesFilled = new Set<string>();
  /** Machines whose engine refused or lost a call. */
  readonly enginesFailed = new Set<string>();
  /** Machines that lost images, or removed some that the store of a later restore still has. */
  readonly imagesPruned = new Set<string>();
  /** Machines that removed images. */
  readonly imagesRemoved = new Set<string>();
  /** Whether the registry ever lost all of its images. */
  registryEmptied = false;
  /** Nodes that were ever lost. */
  readonly lostNodes = new Set<string>();
  /** Names of nodes that were ever removed. */
  readonly removedNodes = new Set<string>();
  readonly failed = new Set<string>();
  /** Sessions created after the backup from which the store was restored. */
  readonly forgotten = new Set<string>();
  /** Those of them that exist again. */
  readonly adopted = new Set<string>();
  /**
   * Sessions without a volume, or being removed, when the store was restored, and the generation
   * from which a volume is expected. They can fail for that.
   */
  readonly volumeless = new Map<string, number>();
  /** Messages that sessions started with. Nobody waits for their answers. */
  readonly copiedMessages = new Set<string>();
  readonly settlement = new Settlement();
  readonly #desired = new Map<string, Map<number, Desired>>();

  committed(mutations: readonly Mutation[]): void {
    this.settlement.committed(mutations);
    for (const mutation of mutations) {
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'tombstones') this.tombstones.set(mutation.row.id, mutation.row.upToGeneration);
      if (mutation.table === 'nodes' && mutation.row.lostAt !== null) this.lostNodes.add(mutation.row.id);
      if (mutation.table === 'nodes' && mutation.row.revokedAt !== null) this.removedNodes.add(mutation.row.name);
      if (mutation.table === 'slots') this.#desires(mutation.row.id, SLOT_GENERATION, 'running');
      if (mutation.table !== 'sessions') continue;
      if (this.forgotten.delete(mutation.row.id)) this.adopted.add(mutation.row.id);
      this.#keep(mutation.row);
    }
  }

  /** The store was restored. Newer objects are unknown, and newer changes are undone. */
  restored(view: View, hasVolume: (sessionId: string) => boolean): void {
    for (const machine of this.imagesRemoved) this.imagesPruned.add(machine);
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
    this.#desires(row.id, row.generation, row.desired);
  }

  #desires(id: string, generation: number, desired: Desired): void {
    const known = this.#desired.get(id) ?? new Map<number, Desired>();
    known.set(generation, desired);
    this.#desired.set(id, known);
  }

  /** Returns the desired state of a session at that generation; undefined if there was none. */
  desiredAt(sessionId: string, generation: number): Desired | undefined {
    return this.#desired.get(sessionId)?.get(generation);
  }

  /** Messages about which a model failed. */
  readonly modelFailures = new Set<string>();

  guestKilled(sessionId: string, life: string): void {
    this.guestKills.set(sessionId, (this.guestKills.get(sessionId) ?? 0) + 1);
    this.#killed.add(life);
    const cut = this.runs.filter((run) => run.life === life && run.end === 'under way');
    for (const run of cut) run.end = 'cut off';
    // One that has just begun can be unknown.
    const messages = Math.max(1, new Set(cut.map(({ messageId }) => messageId)).size);
    this.mostCutOff.set(sessionId, (this.mostCutOff.get(sessionId) ?? 0) + messages);
  }

  wasSuspended(sessionId: string): boolean {
    return [...(this.#desired.get(sessionId)?.values() ?? [])].includes('suspended');
  }

  /** Returns whether its guest was killed during the run or before the answer was stored. */
  wasCutOff(run: Run): boolean {
    return run.end === 'cut off' || this.#killed.has(run.life);
  }

  /**
   * Returns a later message of the session that started before this one; undefined if there is
   * none.
   */
  overtakenBy(sessionId: string, messageId: string, agent: string): string | undefined {
    const seq = this.settlement.seqOf(messageId);
    if (seq === undefined || this.runsOf(messageId).length > 0) return undefined;
    const canOvertake = (run: Run) => agent === SEVERAL && run.agent === SEVERAL;
    const isLater = (run: Run) => run.sessionId === sessionId && (this.settlement.seqOf(run.messageId) ?? 0) > seq;
    return this.runs.find((run) => isLater(run) && !canOvertake(run))?.messageId;
  }

  /**
   * Returns the runs in progress beside which this process must not begin this one: more of its
   * agent than it has places, or, for a message itself, any for a message to another agent.
   */
  crowdOf({ life, agent, messageId, hop }: Omit<Run, 'end'>, concurrency: number): string | undefined {
    const others = this.runs.filter((run) => run.life === life && run.end === 'under way');
    const ofAgent = others.filter((run) => run.agent === agent);
    const firstOf = (id: string) => this.runs.find((run) => run.messageId === id && run.hop === undefined);
    const amongOthers =
      hop === undefined ? others.filter((run) => run.messageId !== messageId && firstOf(run.messageId)?.agent !== agent) : [];
    const crowd = ofAgent.length < concurrency ? amongOthers : ofAgent;
    return crowd.length === 0 ? undefined : crowd.map((run) => run.messageId).join(', ');
  }

  runsOf(messageId: string): readonly Run[] {
    return this.runs.filter((run) => run.messageId === messageId);
  }
}
