import type { Clock } from '../../../seams/clock.ts';
import { recordKeyUse } from '../../domain/access/commands/api-keys.ts';
import type { Applier } from '../engine/applier.ts';

/** A key in constant use is written down so often. */
const EVERY_MS = 60_000;

/** When each API key was last used: exact in memory, in the store to the minute, and no request waits for it. */
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
    // What fails is written down with the next use.
    this.#applier.applyLazily(recordKeyUse(id, now)).catch(() => this.#writtenAt.delete(id));
  }

  /** Unix milliseconds. */
  lastUsedAt(id: string, stored: number | null): number | null {
    const used = this.#usedAt.get(id);
    return used === undefined ? stored : Math.max(used, stored ?? 0);
  }

  forget(id: string): void {
    this.#usedAt.delete(id);
    this.#writtenAt.delete(id);
  }
}
