import type { Clock } from '../../../seams/clock.ts';
import { recordKeyUse } from '../../domain/access/commands/api-keys.ts';
import type { Applier } from '../engine/applier.ts';

/** The use of a key is stored at most this often. */
const EVERY_MS = 60_000;

/**
 * Remembers when each API key was last used: exactly in memory, to the minute in the store. No
 * request waits for the write.
 */
export class KeyUse {
  readonly #applier: Applier;
  readonly #clock: Clock;
  readonly #usedAt = new Map<string, number>();
  readonly #writtenAt = new Map<string, number>();

  constructor(applier: Applier, clock: Clock) {
    this.#applier = applier;
    this.#clock = clock;
  }

  note(id: string): void {
    const now = this.#clock.now();
    this.#usedAt.set(id, now);
    const written = this.#writtenAt.get(id);
    if (written !== undefined && this.#clock.monotonic() - written < EVERY_MS) return;
    this.#writtenAt.set(id, this.#clock.monotonic());
    // After a failed write, the next use writes again.
    this.#applier.applyLazily(recordKeyUse(id, now)).catch(() => this.#writtenAt.delete(id));
  }

  /** Time of the last use in Unix milliseconds. */
  lastUsedAt(id: string, stored: number | null): number | null {
    const used = this.#usedAt.get(id);
    return used === undefined ? stored : Math.max(used, stored ?? 0);
  }

  forget(id: string): void {
    this.#usedAt.delete(id);
    this.#writtenAt.delete(id);
  }
}
