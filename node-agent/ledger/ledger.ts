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
  encodeRecords,
  type LedgerRecord,
  type LedgerState,
  mutable,
  snapshotOf,
} from './ledger-record.ts';

export type { Ends };

/** The fewest records written since the last compaction before the next one is due. */
const COMPACT_AFTER = 2000;
const RECORDS_PER_BLOCK = 100;

interface Write {
  readonly records: readonly LedgerRecord[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What the node agent must know after a power cut. Every method that changes it resolves once the change is durable, and only then is it seen. */
export class Ledger {
  readonly #journal: Journal;
  readonly #state: LedgerState;
  /** Which volumes are to be made copies of which: a fold over the state. */
  readonly copies: Copies;
  #written = 0;
  readonly #waiting: Write[] = [];
  #flushing: Promise<void> | undefined;

  private constructor(journal: Journal, state: LedgerState) {
    this.#journal = journal;
    this.#state = state;
    this.copies = new Copies(state.sessions);
  }

  /**
   * Takes the journal over. `blocks` are what it held when it was opened. The boot counter is raised before this resolves, to `nowMs` in seconds at
   * least: a ledger that was lost, or put back from an old copy, then still counts further than it ever did.
   */
  static async open(journal: Journal, blocks: Iterable<Uint8Array>, incarnation: number, nowMs = 0): Promise<Ledger> {
    const state = emptyLedger();
    for (const block of blocks) for (const record of decodeRecords(block)) applyRecord(state, record);
    const ledger = new Ledger(journal, state);
    await ledger.#write([{ kind: 'boot', boot: Math.max(state.boot + 1, Math.floor(nowMs / 1000)), incarnation }]);
    await ledger.#compact();
    return ledger;
  }

  /** Grows with each start of this node agent. */
  get boot(): number {
    return this.#state.boot;
  }

  /** The newest epoch heard of; 0 when none. */
  get epoch(): number {
    return this.#state.epoch;
  }

  sessionIds(): readonly string[] {
    return [...this.#state.sessions.keys()];
  }

  assignment(sessionId: string): Assignment | undefined {
    return this.#state.sessions.get(sessionId)?.assignment;
  }

  remembered(sessionId: string): Omit<Remembered, 'failed' | 'judged'> {
    const entry = this.#state.sessions.get(sessionId);
    const volumeMade = entry?.volumeMade !== undefined || (entry?.assignment?.spec.volumeExpected ?? false);
    const removalDue = entry?.tombstone !== undefined && (entry.removedUpTo ?? -1) < entry.tombstone;
    const { assignment, tombstone, creating, frozen = false } = entry ?? {};
    const copied = this.copies.of(sessionId);
    const copying = this.copies.stateOf(sessionId);
    return {
      ...{ assignment, tombstone, removalDue, creating: creating?.generation, volumeMade, frozen },
      ...{ copyDue: this.copies.isDue(sessionId), ...(copying && { copying }), ...(copied && { copied }) },
    };
  }

  /** Removals still under way. */
  openTombstones(): Tombstone[] {
    const open: Tombstone[] = [];
    for (const [sessionId, entry] of this.#state.sessions) {
      if (entry.tombstone !== undefined && (entry.removedUpTo ?? -1) < entry.tombstone)
        open.push({ sessionId, upToGeneration: entry.tombstone });
    }
    return open;
  }

  /** Whether anything is still to be done or kept for this session. */
  isLive(sessionId: string): boolean {
    const entry = this.#state.sessions.get(sessionId);
    if (entry === undefined) return false;
    const { assignment, creating, copyingFrom, tombstone = -1, removedUpTo = -1 } = entry;
    return assignment !== undefined || creating !== undefined || copyingFrom !== undefined || tombstone > removedUpTo;
  }

  async heard(epoch: number): Promise<void> {
    if (epoch !== this.#state.epoch) await this.#write([{ kind: 'epoch', epoch }]);
  }

  /**
   * Takes assignments and tombstones in, and returns the sessions of which an assignment is new. One that is older than one that is held,
   * or covered by a tombstone, is passed over.
   */
  async take(assignments: readonly Assignment[], tombstones: readonly Tombstone[]): Promise<ReadonlySet<string>> {
    const records: LedgerRecord[] = [];
    const buried = new Map<string, number>();
    for (const { sessionId, upToGeneration } of tombstones) {
      buried.set(sessionId, upToGeneration);
      if ((this.#state.sessions.get(sessionId)?.tombstone ?? -1) < upToGeneration)
        records.push({ kind: 'tombstone', sessionId, upToGeneration });
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
    await this.#writeAll(records);
    return taken;
  }

  /** All that is assigned was named: what was assigned beyond that no longer is. Returns which sessions those were. */
  async unassignBeyond(named: ReadonlySet<string>): Promise<readonly string[]> {
    const gone: string[] = [];
    for (const [sessionId, entry] of this.#state.sessions)
      if (entry.assignment !== undefined && !named.has(sessionId)) gone.push(sessionId);
    await this.#writeAll(gone.map((sessionId) => ({ kind: 'unassign', sessionId })));
    return gone;
  }

  /** What is assigned, summed up as the controller does. */
  sum(): SetSum {
    const sum = new SetSum();
    for (const [sessionId, { assignment }] of this.#state.sessions) if (assignment !== undefined) sum.add(sessionId, assignment.generation);
    return sum;
  }

  /** Of its container, without being asked, since the session was last given up. */
  ends(sessionId: string): Ends | undefined {
    return this.#state.sessions.get(sessionId)?.ends;
  }

  async ended(sessionId: string, ends: Ends): Promise<void> {
    await this.#write([{ kind: 'ends', sessionId, ends: { ...ends, at: [...ends.at] } }]);
  }

  /** The create that was begun and whose end is not known. */
  creating(sessionId: string): Create | undefined {
    return this.#state.sessions.get(sessionId)?.creating;
  }

  /** What is to be made at this generation: the same as was begun, when it was. */
  toCreate(sessionId: string, generation: number): Create | undefined {
    const begun = this.creating(sessionId);
    if (begun?.generation === generation) return begun;
    const spec = this.assignment(sessionId)?.spec;
    return spec && { generation, space: spec.space, image: spec.image, limits: spec.limits };
  }

  async createBegun(sessionId: string, create: Create): Promise<void> {
    if (this.creating(sessionId)?.generation !== create.generation) await this.#write([{ kind: 'create-begun', sessionId, create }]);
  }

  async createEnded(sessionId: string): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.creating !== undefined) await this.#write([{ kind: 'create-ended', sessionId }]);
  }

  /** The id of the session's disk; undefined where none was made, or before this version. */
  disk(sessionId: string): string | undefined {
    return this.#state.sessions.get(sessionId)?.disk?.id;
  }

  async diskIs(sessionId: string, disk: string, generation: number): Promise<void> {
    if (this.disk(sessionId) !== disk) await this.#write([{ kind: 'disk', sessionId, disk, generation }]);
  }

  /** Of the session's agents; undefined where none was given yet. */
  uid(sessionId: string): number | undefined {
    return this.#state.sessions.get(sessionId)?.uid;
  }

  /** In use. */
  *uids(): Iterable<number> {
    for (const { uid } of this.#state.sessions.values()) if (uid !== undefined) yield uid;
  }

  /** The one that was given last; undefined before the first. */
  get newestUid(): number | undefined {
    return this.#state.newestUid;
  }

  async uidGiven(sessionId: string, uid: number): Promise<void> {
    await this.#write([{ kind: 'uid', sessionId, uid }]);
  }

  async volumeMade(sessionId: string, generation: number): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.volumeMade !== generation) await this.#write([{ kind: 'volume-made', sessionId, generation }]);
  }

  async copyBegun(sessionId: string, from: string): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.copyingFrom !== from) await this.#write([{ kind: 'copy-begun', sessionId, from }]);
  }

  async copyHolds(sessionId: string, holds: boolean): Promise<void> {
    if ((this.copies.stateOf(sessionId) === 'holding') !== holds) await this.#write([{ kind: 'copy-holds', sessionId, holds }]);
  }

  /** It counts for nothing. */
  async copyEnded(sessionId: string): Promise<void> {
    if (this.#state.sessions.get(sessionId)?.copyingFrom !== undefined) await this.#write([{ kind: 'copy-ended', sessionId }]);
  }

  /** It holds all that its source held. */
  async copyMade(sessionId: string, generation: number): Promise<void> {
    await this.#write([
      { kind: 'volume-made', sessionId, generation },
      { kind: 'copy-ended', sessionId },
    ]);
  }

  async froze(sessionId: string, frozen: boolean): Promise<void> {
    if ((this.#state.sessions.get(sessionId)?.frozen ?? false) !== frozen) await this.#write([{ kind: 'frozen', sessionId, frozen }]);
  }

  async removed(sessionId: string, upToGeneration: number): Promise<void> {
    const entry = this.#state.sessions.get(sessionId);
    if (entry?.removedUpTo === upToGeneration) return;
    await this.#write([{ kind: 'removed', sessionId, upToGeneration, hadVolume: entry?.volumeMade !== undefined }]);
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#journal.close();
  }

  async #writeAll(records: readonly LedgerRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += RECORDS_PER_BLOCK) await this.#write(records.slice(at, at + RECORDS_PER_BLOCK));
  }

  /** What is asked for while a block is on its way to the disk goes into the next one together: one sync for all. */
  #write(records: readonly LedgerRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async #flush(): Promise<void> {
    for (;;) {
      const writes = this.#waiting.splice(0);
      if (writes.length === 0) {
        // In the turn in which nothing waits: what is written in the next one begins a flush of its own.
        this.#flushing = undefined;
        return;
      }
      const records = writes.flatMap((write) => write.records);
      try {
        await this.#journal.append(encodeRecords(records));
        for (const record of records) {
          applyRecord(this.#state, record);
          if ('sessionId' in record) this.copies.saw(record.sessionId, this.#state.sessions.get(record.sessionId));
          else if (record.kind === 'assign')
            this.copies.saw(record.assignment.sessionId, this.#state.sessions.get(record.assignment.sessionId));
        }
        this.#written += records.length;
        // A snapshot costs as much as there are sessions: it is due after as many records.
        if (this.#written >= Math.max(COMPACT_AFTER, this.#state.sessions.size)) await this.#compact();
      } catch (error) {
        for (const write of writes) write.reject(error);
        continue;
      }
      for (const write of writes) write.resolve();
    }
  }

  async #compact(): Promise<void> {
    const blocks: Uint8Array[] = [];
    let block: LedgerRecord[] = [];
    for (const record of snapshotOf(this.#state)) {
      if (block.push(record) < RECORDS_PER_BLOCK) continue;
      blocks.push(encodeRecords(block));
      block = [];
    }
    if (block.length > 0) blocks.push(encodeRecords(block));
    await this.#journal.compact(blocks);
    this.#written = 0;
  }
}
