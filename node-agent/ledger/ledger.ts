import type { Journal } from '../../journal/journal.ts';
import { SetSum } from '../../proto/set-sum.ts';
import type { Assignment, Remembered, Tombstone } from '../domain/session.ts';
import { Copies } from './copies.ts';
import {
  applyRecord,
  type Create,
  decodeRecords,
  type Ends,
  emptyLedger,
  type LedgerRecord,
  type LedgerState,
  mutable,
  snapshotOf,
} from './ledger-record.ts';
import { LedgerWriter } from './ledger-writer.ts';

export type { Ends };

/**
 * Everything that the node agent must remember across a power cut. A change becomes visible once it
 * is durable; then its method resolves.
 */
export class Ledger {
  readonly #state: LedgerState;
  /** Which volumes must become copies of which. Derived from the state. */
  readonly copies: Copies;
  readonly #writer: LedgerWriter;

  private constructor(journal: Journal, state: LedgerState) {
    this.#state = state;
    this.copies = new Copies(state.sessions);
    this.#writer = new LedgerWriter({
      journal,
      apply: (records) => this.#apply(records),
      snapshot: () => snapshotOf(state),
      sessions: () => state.sessions.size,
    });
  }

  /**
   * Takes over the journal; `blocks` are its content. Raises the boot counter before it resolves,
   * at least to `nowMs` in seconds, so that a lost or restored ledger still counts higher than
   * before.
   */
  static async open(journal: Journal, blocks: Iterable<Uint8Array>, incarnation: number, nowMs = 0): Promise<Ledger> {
    const state = emptyLedger();
    for (const block of blocks) for (const record of decodeRecords(block)) applyRecord(state, record);
    const ledger = new Ledger(journal, state);
    await ledger.#writer.write({ kind: 'boot', boot: Math.max(state.boot + 1, Math.floor(nowMs / 1000)), incarnation });
    await ledger.#writer.compact();
    return ledger;
  }

  /** Increases with each start of this node agent. */
  get boot(): number {
    return this.#state.boot;
  }

  /** The newest known epoch; 0 if none. */
  get epoch(): number {
    return this.#state.epoch;
  }

  sessionIds(): readonly string[] {
    return [...this.#state.sessions.keys()];
  }

  assignment(sessionId: string): Assignment | undefined {
    return this.#state.sessions.get(sessionId)?.assignment;
  }

  remembered(sessionId: string): Omit<Remembered, 'failed' | 'confirmed'> {
    const entry = this.#state.sessions.get(sessionId) ?? {};
    const { assignment, tombstone } = entry;
    return {
      assignment,
      tombstone,
      removalDue: tombstone !== undefined && (entry.removedUpTo ?? -1) < tombstone,
      creating: entry.creating?.generation,
      volumeCreated: entry.volumeCreated !== undefined || (assignment?.spec.volumeExpected ?? false),
      frozen: entry.frozen ?? false,
      copyDue: this.copies.isDue(sessionId),
      copying: this.copies.stateOf(sessionId),
      copied: this.copies.of(sessionId),
    };
  }

  /** Removals in progress. */
  openTombstones(): Tombstone[] {
    const open: Tombstone[] = [];
    for (const [sessionId, entry] of this.#state.sessions) {
      if (entry.tombstone !== undefined && (entry.removedUpTo ?? -1) < entry.tombstone)
        open.push({ sessionId, upToGeneration: entry.tombstone });
    }
    return open;
  }

  /** Returns whether anything remains to be done or remembered for this session. */
  isLive(sessionId: string): boolean {
    const entry = this.#state.sessions.get(sessionId);
    if (entry === undefined) return false;
    const { assignment, creating, copyingFrom, tombstone = -1, removedUpTo = -1 } = entry;
    return assignment !== undefined || creating !== undefined || copyingFrom !== undefined || tombstone > removedUpTo;
  }

  async setEpoch(epoch: number): Promise<void> {
    if (epoch !== this.#state.epoch) await this.#writer.write({ kind: 'epoch', epoch });
  }

  /**
   * Stores assignments and tombstones and returns the sessions with a new assignment. Skips
   * assignments that are older than the stored one or covered by a tombstone. Tombstones of other
   * sessions are stored after the assignments: a volume is removed once no known copy needs it.
   */
  async take(assignments: readonly Assignment[], tombstones: readonly Tombstone[]): Promise<ReadonlySet<string>> {
    const named = new Set(assignments.map(({ sessionId }) => sessionId));
    const records: LedgerRecord[] = [];
    const last: LedgerRecord[] = [];
    const buried = new Map<string, number>();
    for (const { sessionId, upToGeneration } of tombstones) {
      buried.set(sessionId, upToGeneration);
      if ((this.#state.sessions.get(sessionId)?.tombstone ?? -1) < upToGeneration)
        (named.has(sessionId) ? records : last).push({ kind: 'tombstone', sessionId, upToGeneration });
    }
    const taken = new Set<string>();
    for (const assignment of assignments) {
      const entry = this.#state.sessions.get(assignment.sessionId);
      const tombstone = Math.max(entry?.tombstone ?? -1, buried.get(assignment.sessionId) ?? -1);
      if (assignment.generation <= tombstone) continue;
      if (entry?.assignment !== undefined && entry.assignment.generation >= assignment.generation) continue;
      records.push({ kind: 'assign', assignment: mutable(assignment) });
      taken.add(assignment.sessionId);
    }
    await this.#writer.writeAll([...records, ...last]);
    return taken;
  }

  /**
   * Removes all assignments except these. Returns the sessions that lost theirs. A slot that no
   * session took has nothing of value, so it is removed like a deleted session.
   */
  async unassignBeyond(named: ReadonlySet<string>): Promise<readonly string[]> {
    const gone: string[] = [];
    const records: LedgerRecord[] = [];
    for (const [sessionId, { assignment }] of this.#state.sessions) {
      if (assignment === undefined || named.has(sessionId)) continue;
      gone.push(sessionId);
      records.push(
        assignment.slot ? { kind: 'tombstone', sessionId, upToGeneration: assignment.generation } : { kind: 'unassign', sessionId },
      );
    }
    await this.#writer.writeAll(records);
    return gone;
  }

  /** Returns the checksum of the assignments, computed as the controller does. */
  sum(): SetSum {
    const sum = new SetSum();
    for (const [sessionId, { assignment }] of this.#state.sessions) if (assignment !== undefined) sum.add(sessionId, assignment.generation);
    return sum;
  }

  /** Returns the unrequested exits of its container since the session last failed. */
  ends(sessionId: string): Ends | undefined {
    return this.#state.sessions.get(sessionId)?.ends;
  }

  async setEnds(sessionId: string, ends: Ends): Promise<void> {
    await this.#writer.write({ kind: 'ends', sessionId, ends: { ...ends, at: [...ends.at] } });
  }

  /** Returns the create with an unknown outcome, if any. */
  creating(sessionId: string): Create | undefined {
    return this.#state.sessions.get(sessionId)?.creating;
  }

  /** Returns what to create at this generation: the pending create, if it is of this generation. */
  toCreate(sessionId: string, generation: number): Create | undefined {
    const begun = this.creating(sessionId);
    if (begun?.generation === generation) return begun;
    const spec = this.assignment(sessionId)?.spec;
    if (spec === undefined) return undefined;
    const { space, image, limits, profile } = spec;
    return { generation, space, image, limits, ...(profile === undefined ? {} : { profile }) };
  }

  async createBegun(sessionId: string, create: Create): Promise<void> {
    if (this.creating(sessionId)?.generation !== create.generation) await this.#writer.write({ kind: 'create-begun', sessionId, create });
  }

  async createEnded(sessionId: string): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.creating !== undefined) await this.#writer.write({ kind: 'create-ended', sessionId });
  }

  /**
   * Returns the id of the session's disk; undefined if it has none, or was created by an earlier
   * version.
   */
  disk(sessionId: string): string | undefined {
    return this.#state.sessions.get(sessionId)?.disk?.id;
  }

  async setDisk(sessionId: string, disk: string, generation: number): Promise<void> {
    if (this.disk(sessionId) !== disk) await this.#writer.write({ kind: 'disk', sessionId, disk, generation });
  }

  /** Returns the user id of the session's agents; undefined if none is assigned yet. */
  uid(sessionId: string): number | undefined {
    return this.#state.sessions.get(sessionId)?.uid;
  }

  /** Returns the user ids in use. */
  *uids(): Iterable<number> {
    for (const { uid } of this.#state.sessions.values()) if (uid !== undefined) yield uid;
  }

  /** Returns the last assigned user id; undefined before the first. */
  get newestUid(): number | undefined {
    return this.#state.newestUid;
  }

  async setUid(sessionId: string, uid: number): Promise<void> {
    await this.#writer.write({ kind: 'uid', sessionId, uid });
  }

  async volumeCreated(sessionId: string, generation: number): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.volumeCreated !== generation)
      await this.#writer.write({ kind: 'volume-made', sessionId, generation });
  }

  async copyBegun(sessionId: string, from: string): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.copyingFrom !== from) await this.#writer.write({ kind: 'copy-begun', sessionId, from });
  }

  async copyHolds(sessionId: string, holds: boolean): Promise<void> {
    if ((this.copies.stateOf(sessionId) === 'holding') !== holds) await this.#writer.write({ kind: 'copy-holds', sessionId, holds });
  }

  /** The copy's content is discarded. */
  async copyEnded(sessionId: string): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.copyingFrom !== undefined) await this.#writer.write({ kind: 'copy-ended', sessionId });
  }

  /** The copy is complete and becomes the session's own volume. */
  async copyKept(sessionId: string, generation: number): Promise<void> {
    await this.#writer.write({ kind: 'volume-made', sessionId, generation }, { kind: 'copy-ended', sessionId });
  }

  async setFrozen(sessionId: string, frozen: boolean): Promise<void> {
    if ((this.#state.sessions.get(sessionId)?.frozen ?? false) !== frozen) await this.#writer.write({ kind: 'frozen', sessionId, frozen });
  }

  async removed(sessionId: string, upToGeneration: number): Promise<void> {
    const entry = this.#state.sessions.get(sessionId);
    if (entry?.removedUpTo === upToGeneration) return;
    await this.#writer.write({ kind: 'removed', sessionId, upToGeneration, hadVolume: entry?.volumeCreated !== undefined });
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  #apply(records: readonly LedgerRecord[]): void {
    for (const record of records) applyRecord(this.#state, record);
    for (const record of records) {
      const sessionId = record.kind === 'assign' ? record.assignment.sessionId : 'sessionId' in record ? record.sessionId : undefined;
      if (sessionId !== undefined) this.copies.update(sessionId, this.#state.sessions.get(sessionId));
    }
  }
}
