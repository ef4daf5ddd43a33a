import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Assignment__Output } from '../../../proto/generated/raworc/node/v0/Assignment.ts';
import { SetSum } from '../../../proto/set-sum.ts';
import type { Random } from '../../../seams/random.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SessionRow, TombstoneRow } from '../../domain/sessions/rows.ts';
import { assignedOnAfter, assignedStates } from './assigned.ts';
import { assignment, tombstone } from './encode.ts';

/** Bounds of one part of a full set. */
export const PART = { sessions: 64, tombstones: 1_000, bytes: 256 * 1024 } as const;
/** Rows compared per step. */
const COMPARED_AT_ONCE = 1_000;

interface Sending {
  part: number;
  /** The last session sent; undefined once all are sent. */
  afterSession: string | undefined;
  afterTombstone: string;
}

/** A part of the full set, and its sessions. */
export interface Part {
  readonly frame: ControllerFrame;
  readonly sessions: readonly SessionRow[];
}

/**
 * Tracks the assignments sent on one stream: a full set in parts, and numbered changes, which can
 * come between the parts. Each session is sent once per generation. A later full set restarts the
 * numbers.
 *
 * In a full set, tombstones follow all sessions: a node removes a deleted session's volume once it
 * knows of no session that must copy it.
 */
export class Assignments {
  readonly #nodeId: NodeId;
  readonly #view: View;
  readonly #random: Random;
  readonly #sent = new Map<string, number>();
  #sum = new SetSum();
  #setId = '';
  #number = 0;
  #sending: Sending | undefined;

  constructor(nodeId: NodeId, view: View, random: Random) {
    this.#nodeId = nodeId;
    this.#view = view;
    this.#random = random;
  }

  get setId(): string {
    return this.#setId;
  }

  /** Number of sessions sent. */
  get size(): number {
    return this.#sent.size;
  }

  /** Starts a full set, whose parts come from `nextPart`. Send the first one in the same turn. */
  begin(): void {
    this.#setId = this.#random.uuid();
    this.#number = 0;
    this.#sent.clear();
    this.#sum = new SetSum();
    this.#sending = { part: 0, afterTombstone: '', afterSession: '' };
  }

  /**
   * Returns the next part of the full set, built from the current rows, or undefined after the
   * last.
   */
  nextPart(): Part | undefined {
    const sending = this.#sending;
    if (sending === undefined) return undefined;
    sending.part += 1;
    const { sessions, assignments } = this.#sessions(sending);
    const tombstones = this.#tombstones(sending);
    const more = tombstones === undefined || tombstones.length === PART.tombstones;
    if (!more) this.#sending = undefined;
    const value = { setId: this.#setId, assignments, tombstones: (tombstones ?? []).map(tombstone), part: sending.part, more };
    return { frame: { kind: 'assignmentSet', value }, sessions };
  }

  /**
   * Returns the change that brings the node up to date with these rows, or undefined if it is.
   * Tombstones wait for the end of a full set if it still has sessions to send.
   */
  change(sessions: readonly SessionRow[], tombstones: readonly TombstoneRow[]): ControllerFrame | undefined {
    const fresh = sessions.filter((row) => row.desired !== 'deleted' && (this.#sent.get(row.id) ?? 0) < row.generation);
    for (const row of fresh) this.#tell(row.id, row.generation);
    for (const row of tombstones) this.#forget(row.id);
    const removed = this.#isSendingSessions ? [] : tombstones;
    if (fresh.length === 0 && removed.length === 0) return undefined;
    this.#number += 1;
    return {
      kind: 'assignmentChange',
      value: {
        setId: this.#setId,
        number: this.#number,
        assignments: fresh.flatMap((row) => assignment(this.#view, row) ?? []),
        tombstones: removed.map(tombstone),
      },
    };
  }

  /** Returns a digest of everything sent so far, which the node compares with what it holds. */
  digest(): ControllerFrame {
    return {
      kind: 'setDigest',
      value: { setId: this.#setId, number: this.#number, sessions: this.#sum.sessions, sum: this.#sum.text },
    };
  }

  /**
   * Compares everything sent with the rows, in steps. `next` returns 'more' until done, then the
   * result. Starts over if something is sent meanwhile.
   */
  comparison(): { next(): 'more' | 'agrees' | 'differs' } {
    let after: SessionId | '' = '';
    let seen = 0;
    let [setId, number] = [this.#setId, this.#number];
    return {
      next: () => {
        if (setId !== this.#setId || number !== this.#number) {
          [setId, number, seen, after] = [this.#setId, this.#number, 0, ''];
          return 'more';
        }
        const rows = assignedStates(this.#view, this.#nodeId, after, COMPARED_AT_ONCE);
        for (const { id, generation } of rows) {
          if (this.#sent.get(id) !== generation) return 'differs';
          after = id;
        }
        seen += rows.length;
        if (rows.length === COMPARED_AT_ONCE) return 'more';
        return seen === this.#sent.size ? 'agrees' : 'differs';
      },
    };
  }

  get #isSendingSessions(): boolean {
    return this.#sending !== undefined && this.#sending.afterSession !== undefined;
  }

  /** Returns the next sessions of the full set, as many as fit into a part. */
  #sessions(sending: Sending): { readonly sessions: readonly SessionRow[]; readonly assignments: Assignment__Output[] } {
    const sessions: SessionRow[] = [];
    const assignments: Assignment__Output[] = [];
    if (sending.afterSession === undefined) return { sessions, assignments };
    let bytes = 0;
    const rows = assignedOnAfter(this.#view, this.#nodeId, sending.afterSession, PART.sessions);
    for (const row of rows) {
      const made = assignment(this.#view, row);
      const size = made === undefined ? 0 : sizeOf(made);
      if (bytes > 0 && bytes + size > PART.bytes) return { sessions, assignments };
      bytes += size;
      sending.afterSession = row.id;
      sessions.push(row);
      this.#tell(row.id, row.generation);
      if (made !== undefined) assignments.push(made);
    }
    if (rows.length < PART.sessions) sending.afterSession = undefined;
    return { sessions, assignments };
  }

  /** Returns undefined while there are sessions left to send. */
  #tombstones(sending: Sending): readonly TombstoneRow[] | undefined {
    if (sending.afterSession !== undefined) return undefined;
    const rows = this.#view.tombstonesOf(this.#nodeId, sending.afterTombstone, PART.tombstones);
    sending.afterTombstone = rows.at(-1)?.id ?? sending.afterTombstone;
    return rows;
  }

  #tell(id: string, generation: number): void {
    this.#forget(id);
    this.#sent.set(id, generation);
    this.#sum.add(id, generation);
  }

  #forget(id: string): void {
    const generation = this.#sent.get(id);
    if (generation === undefined) return;
    this.#sent.delete(id);
    this.#sum.remove(id, generation);
  }
}

/** Estimates the encoded size. */
function sizeOf({ spec, cancelled }: Assignment__Output): number {
  const agents = spec?.agents ?? [];
  return (
    300 +
    100 * cancelled.length +
    (spec?.image.length ?? 0) +
    agents.reduce((sum, { name, handler }) => sum + name.length + handler.length + 12, 0)
  );
}
