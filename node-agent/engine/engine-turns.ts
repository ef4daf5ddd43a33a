import type { Clock } from '../../seams/clock.ts';
import { within } from './deadline.ts';

/** Concurrent calls to the engine for sessions. */
export const MAX_CALLS = 8;
const CALL_LIMIT_MS = 60_000;

/**
 * Turns at the engine, first come, first served. They keep a burst of sessions below the engine's
 * limits. A call's time limit starts with its turn. No call starts while the engine does not
 * answer.
 */
export class EngineTurns {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #running = 0;
  #paused = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#next();
  }

  /** Rejects when `ending` aborts, before or during its turn. */
  async call<T>(ending: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    await this.#turn(ending);
    try {
      return await within(this.#clock, CALL_LIMIT_MS, ending, work);
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  #turn(ending: AbortSignal): Promise<void> {
    ending.throwIfAborted();
    if (this.#mayRun && this.#waiting.size === 0) {
      this.#running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const begin = () => {
        ending.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.delete(begin);
        reject(ending.reason);
      };
      ending.addEventListener('abort', abort, { once: true });
      this.#waiting.add(begin);
    });
  }

  get #mayRun(): boolean {
    return !this.#paused && this.#running < MAX_CALLS;
  }

  #next(): void {
    for (const begin of this.#waiting) {
      if (!this.#mayRun) return;
      this.#waiting.delete(begin);
      this.#running += 1;
      begin();
    }
  }
}
