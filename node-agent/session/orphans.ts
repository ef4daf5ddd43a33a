import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Outbox } from '../control/outbox.ts';
import type { Orphan } from './status.ts';

/** How long news of orphans waits for more. */
const GATHER_MS = 50;
/** Listed. There is more to see once some of them are gone. */
const MAX_LISTED = 10_000;

/**
 * What this node has that no assignment and no tombstone explains. It is updated as each session is
 * looked at, and sent as a whole when it changes.
 */
export class Orphans {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #bySession = new Map<string, Orphan>();
  #sending: Timer | undefined;

  constructor(outbox: Outbox, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  get size(): number {
    return this.#bySession.size;
  }

  list(): Orphan[] {
    return [...this.#bySession.values()].slice(0, MAX_LISTED);
  }

  /** What a session was just seen to be; undefined: no orphan. */
  update(sessionId: string, orphan: Orphan | undefined): void {
    if (isDeepStrictEqual(this.#bySession.get(sessionId), orphan)) return;
    if (orphan === undefined) this.#bySession.delete(sessionId);
    else this.#bySession.set(sessionId, orphan);
    this.#sending ??= this.#clock.after(GATHER_MS, () => {
      this.#sending = undefined;
      this.#outbox.keep('orphans', { kind: 'orphans', value: { orphans: this.list() } });
    });
  }

  close(): void {
    this.#sending?.cancel();
  }
}
