import { Transform } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';

/**
 * Bytes of images that pass in one turn of the event loop, whatever the number of nodes that pull:
 * about a millisecond of it. Each step of a message waits for one turn at most.
 */
const TURN_BYTES = 256 * 1024;

/** Lets layers pass in turns, first come, first served, so that messages do not wait for all that is ready. */
export class RelayTurns {
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #waiting: { readonly bytes: number; pass(): void }[] = [];
  #left = TURN_BYTES;
  #isDue = false;

  constructor(clock: Pick<Clock, 'soon'>) {
    this.#clock = clock;
  }

  /** Returns a stream that passes on what is written to it. */
  through(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => this.#take(chunk.byteLength, () => done(null, chunk)),
    });
  }

  #take(bytes: number, pass: () => void): void {
    if (this.#waiting.length > 0 || this.#left <= 0) this.#waiting.push({ bytes, pass });
    else {
      this.#left -= bytes;
      pass();
    }
    this.#renew();
  }

  #renew(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.soon(() => {
      this.#isDue = false;
      this.#left = TURN_BYTES;
      while (this.#left > 0) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        this.#left -= next.bytes;
        next.pass();
      }
      this.#renew();
    });
  }
}
