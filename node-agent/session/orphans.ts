import { isDeepStrictEqual } from 'node:util';
import type { Orphan } from './status.ts';

/** What this node holds and nothing explains, kept as each session is looked at. */
export class Orphans {
  readonly #bySession = new Map<string, Orphan>();

  all(): Orphan[] {
    return [...this.#bySession.values()];
  }

  /** What a session was just seen to be; undefined: no orphan. True when that is news. */
  saw(sessionId: string, orphan: Orphan | undefined): boolean {
    if (isDeepStrictEqual(this.#bySession.get(sessionId), orphan)) return false;
    if (orphan === undefined) this.#bySession.delete(sessionId);
    else this.#bySession.set(sessionId, orphan);
    return true;
  }
}
