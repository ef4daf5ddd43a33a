import type { Clock, Timer } from '../../../seams/clock.ts';

/** How long one turn may take before others get theirs; the piece that is under way is finished. */
const TURN_MS = 5;

/** A piece of work; true while there is more of it. */
export type Piece = () => boolean;

/**
 * Long work in pieces of a few milliseconds, of everyone in turn: between two turns the event loop serves whoever waits.
 * What a piece throws is its caller's fault alone, handed to `failed`.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: { readonly piece: Piece; readonly failed: (error: unknown) => void }[] = [];
  #next: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(piece: Piece, failed: (error: unknown) => void): void {
    this.#waiting.push({ piece, failed });
    this.#next ??= this.#clock.soon(() => this.#turn());
  }

  close(): void {
    this.#next?.cancel();
    this.#waiting.length = 0;
  }

  #turn(): void {
    this.#next = undefined;
    const until = this.#clock.monotonic() + TURN_MS;
    for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
      try {
        if (work.piece()) this.#waiting.push(work);
      } catch (error) {
        work.failed(error);
      }
      if (this.#clock.monotonic() >= until) break;
    }
    if (this.#waiting.length > 0) this.#next ??= this.#clock.soon(() => this.#turn());
  }
}
