import { isDeepStrictEqual } from 'node:util';
import type { SourceState } from '../domain/session.ts';
import type { SessionEntry } from './ledger-record.ts';

interface Copy {
  readonly from: string;
  /** The assignment still requires the copy. */
  readonly due: boolean;
  /** Undefined if it has not begun, or its outcome is known. */
  readonly state: 'begun' | 'holding' | undefined;
}

/**
 * Tracks which sessions of this node must become copies of which, and which sources are settled.
 * Notifies the sessions affected by a change. At any time there are few copies, even with many
 * sessions.
 */
export class Copies {
  readonly #copies = new Map<string, Copy>();
  /** Sources that are settled, with their state. All others are changing. */
  readonly #atRest = new Map<string, SourceState>();
  #changed: (sessionId: string) => void = () => undefined;

  constructor(entries: ReadonlyMap<string, SessionEntry>) {
    for (const [sessionId, entry] of entries) this.update(sessionId, entry);
  }

  /**
   * `changed` is called with a source when its copies change, and with the copies when their source
   * is settled.
   */
  onChange(changed: (sessionId: string) => void): void {
    this.#changed = changed;
  }

  /** Updates from the ledger's current state of a session. */
  update(sessionId: string, entry: SessionEntry | undefined): void {
    const before = this.#copies.get(sessionId);
    const after = entry && copyIn(entry);
    if (isDeepStrictEqual(before, after)) return;
    if (after === undefined) this.#copies.delete(sessionId);
    else this.#copies.set(sessionId, after);
    for (const source of new Set([before?.from, after?.from])) {
      if (source === undefined) continue;
      this.#atRest.delete(source);
      this.#changed(source);
    }
  }

  /** Returns the session whose volume it must copy, until the copy is complete or has failed. */
  sourceOf(sessionId: string): string | undefined {
    return this.#copies.get(sessionId)?.from;
  }

  /** Yields the sources of all copies that are due or in progress. */
  *sources(): Iterable<string> {
    for (const { from } of this.#copies.values()) yield from;
  }

  /** Returns the state of the volume that the session must copy. */
  sourceState(sessionId: string): SourceState {
    return this.#atRest.get(this.sourceOf(sessionId) ?? '') ?? 'moving';
  }

  /** Records the state of a session as a source. */
  setSource(sessionId: string, state: SourceState): void {
    if (state === (this.#atRest.get(sessionId) ?? 'moving')) return;
    if (state === 'moving') {
      this.#atRest.delete(sessionId);
      return;
    }
    this.#atRest.set(sessionId, state);
    for (const [copy, { from }] of this.#copies) if (from === sessionId) this.#changed(copy);
  }

  isDue(sessionId: string): boolean {
    return this.#copies.get(sessionId)?.due === true;
  }

  stateOf(sessionId: string): Copy['state'] {
    return this.#copies.get(sessionId)?.state;
  }

  /** Returns what other sessions still need from its volume. */
  of(sessionId: string): 'due' | 'under-way' | undefined {
    let found: 'due' | undefined;
    for (const { from, due, state } of this.#copies.values()) {
      if (from !== sessionId) continue;
      if (state === 'holding') return 'under-way';
      if (due || state !== undefined) found = 'due';
    }
    return found;
  }
}

function copyIn({ assignment, volumeCreated, hadVolume, copyingFrom, copyHolds }: SessionEntry): Copy | undefined {
  // A restored backup can bring back a removed session. Its copy was made once and is not repeated.
  const isOver = hadVolume === true && assignment?.spec.volumeExpected === true;
  const due = assignment?.copyFrom !== undefined && volumeCreated === undefined && !isOver;
  const from = copyingFrom ?? assignment?.copyFrom;
  if (from === undefined || (!due && copyingFrom === undefined)) return undefined;
  const state = copyingFrom === undefined ? undefined : copyHolds === undefined ? 'begun' : 'holding';
  return { from, due: due && assignment?.desired !== 'failed', state };
}
