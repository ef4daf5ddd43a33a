import { isDeepStrictEqual } from 'node:util';
import type { SourceState } from '../domain/session.ts';
import type { SessionEntry } from './ledger-record.ts';

interface Copy {
  readonly from: string;
  /** Still to be made, as far as is wanted. */
  readonly due: boolean;
  /** Undefined: not begun, or known to have ended. */
  readonly state: 'begun' | 'holding' | undefined;
}

/**
 * Which sessions of this node are to begin as copies of which, and which sources are at rest.
 * Sessions concerned by a change are called. There are few copies at any time, whatever the number
 * of sessions.
 */
export class Copies {
  readonly #copies = new Map<string, Copy>();
  /** Held sources that are at rest; all others are moving. */
  readonly #atRest = new Map<string, SourceState>();
  #changed: (sessionId: string) => void = () => undefined;

  constructor(entries: ReadonlyMap<string, SessionEntry>) {
    for (const [sessionId, entry] of entries) this.update(sessionId, entry);
  }

  /**
   * `changed` is called with a source when its copies change, and with its copies when it comes to
   * rest.
   */
  onChange(changed: (sessionId: string) => void): void {
    this.#changed = changed;
  }

  /** Takes what the ledger now remembers of a session. */
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

  /** The session whose volume it begins as a copy of, until it has or was given up. */
  sourceOf(sessionId: string): string | undefined {
    return this.#copies.get(sessionId)?.from;
  }

  /** How the volume stands that the session begins as a copy of. */
  sourceState(sessionId: string): SourceState {
    return this.#atRest.get(this.sourceOf(sessionId) ?? '') ?? 'moving';
  }

  /** What a session is as a source, as of now. */
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

  /** What others still want of its volume. */
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
  // A removed copy that a restored backup brings back had its life. A new copy would begin another.
  const isOver = hadVolume === true && assignment?.spec.volumeExpected === true;
  const due = assignment?.copyFrom !== undefined && volumeCreated === undefined && !isOver;
  const from = copyingFrom ?? assignment?.copyFrom;
  if (from === undefined || (!due && copyingFrom === undefined)) return undefined;
  const state = copyingFrom === undefined ? undefined : copyHolds === undefined ? 'begun' : 'holding';
  return { from, due: due && assignment?.desired !== 'failed', state };
}
