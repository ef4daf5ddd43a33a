import type { Clock } from '../seams/clock.ts';
import { recentEnds, restartDelayMs } from './domain/restart-delay.ts';

/** Counts how often one session's container ended without being asked, and says how long to wait before it is started again. */
export class RestartPacer {
  readonly #clock: Clock;
  #wasAlive = false;
  #ends: readonly number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What was seen just now. True when it ended since the last time. */
  saw(alive: boolean): boolean {
    const ended = this.#wasAlive && !alive;
    if (ended) this.#ends = [...recentEnds(this.#ends, this.#clock.monotonic()), this.#clock.monotonic()];
    this.#wasAlive = alive;
    return ended;
  }

  /** The next end is one that was asked for. */
  expectEnd(): void {
    this.#wasAlive = false;
  }

  /** Ends that count now. */
  ends(): number {
    return recentEnds(this.#ends, this.#clock.monotonic()).length;
  }

  /** Milliseconds until it may be started again; 0 or less: now. */
  delayMs(): number {
    const nowMs = this.#clock.monotonic();
    const ends = recentEnds(this.#ends, nowMs);
    const last = ends.at(-1);
    return last === undefined ? 0 : Math.ceil(last + restartDelayMs(ends.length) - nowMs);
  }
}
