import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Outbox } from '../control/outbox.ts';
import type { Orphan } from './status.ts';

/** How long a change waits for others, to be sent together. */
const GATHER_MS = 50;
/** Maximum number listed. Removing some makes room for others. */
const MAX_LISTED = 10_000;

/**
 * Containers and volumes on this node without an assignment or tombstone. The list is updated as
 * each session is observed, and sent as a whole when it changes.
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

  /** Records what was just observed of a session; undefined if it is not an orphan. */
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
