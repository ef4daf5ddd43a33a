import type { SessionEntry } from './ledger-record.ts';

interface Copy {
  readonly from: string;
  /** Still to be made, as far as is wanted. */
  readonly due: boolean;
  /** Undefined: not begun, or known to have ended. */
  readonly state: 'begun' | 'holding' | undefined;
}

/** Which sessions of this node are to begin as copies of which. Few at any time, whatever the number of sessions. */
export class Copies {
  readonly #copies = new Map<string, Copy>();

  constructor(entries: ReadonlyMap<string, SessionEntry>) {
    for (const [sessionId, entry] of entries) this.saw(sessionId, entry);
  }

  /** To be called with what is remembered of a session whenever that has changed. */
  saw(sessionId: string, entry: SessionEntry | undefined): void {
    const { assignment, volumeMade, hadVolume, copyingFrom, copyHolds } = entry ?? {};
    // One that was removed, and that a restored backup brought back, had its life: with the copy made again it would begin another.
    const isOver = hadVolume === true && assignment?.spec.volumeExpected === true;
    const due = assignment?.copyFrom !== undefined && volumeMade === undefined && !isOver;
    const from = copyingFrom ?? assignment?.copyFrom;
    if (from === undefined || (!due && copyingFrom === undefined)) this.#copies.delete(sessionId);
    else {
      const state = copyingFrom === undefined ? undefined : copyHolds === undefined ? 'begun' : 'holding';
      this.#copies.set(sessionId, { from, due: due && assignment?.desired !== 'failed', state });
    }
  }

  /** The session whose volume it begins as a copy of, until it has or was given up. */
  sourceOf(sessionId: string): string | undefined {
    return this.#copies.get(sessionId)?.from;
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

  /** Those that are to begin as copies of it. */
  into(sessionId: string): readonly string[] {
    return [...this.#copies].filter(([, { from }]) => from === sessionId).map(([copy]) => copy);
  }

  /** All sessions of which copies are wanted. */
  sources(): readonly string[] {
    return [...new Set([...this.#copies.values()].map(({ from }) => from))];
  }
}
