import type { Clock } from '../../seams/clock.ts';
import { restartDelayMs } from '../domain/restart-delay.ts';

/** Failures in a row that may pass, before one is taken for final. */
const BORNE = 5;

/** What an engine failed to make or start for one session, in a row. A failure is not tried again at once, whatever happens: it may itself be what happened. */
export class EngineFailures {
  readonly #clock: Clock;
  #count = 0;
  #notBeforeMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when it is one too many: what comes next is counted anew. */
  failed(): boolean {
    this.#count += 1;
    this.#notBeforeMs = this.#clock.monotonic() + restartDelayMs(this.#count + 1);
    if (this.#count < BORNE) return false;
    this.forget();
    return true;
  }

  forget(): void {
    this.#count = 0;
    this.#notBeforeMs = 0;
  }

  /** Milliseconds until it may be tried again; 0: now. */
  waitMs(): number {
    return Math.max(0, Math.ceil(this.#notBeforeMs - this.#clock.monotonic()));
  }
}
