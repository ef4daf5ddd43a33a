import { Transform } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';

/**
 * Bytes of images that pass in one turn of the event loop, whatever the number of nodes that pull:
 * about half a millisecond of it. Each step of a message waits for one turn at most.
 */
const TURN_BYTES = 64 * 1024;
/** Between two turns while somebody waits for the controller: images then pass at about 30 MB/s. */
const REST_MS = 2;

export interface RelayTurnsDeps {
  readonly clock: Pick<Clock, 'soon' | 'after'>;
  /** Whether clients wait for answers. Images then pass more slowly. */
  isInUse(): boolean;
}

/** Lets layers pass in turns, first come, first served, so that messages do not wait for all that is ready. */
export class RelayTurns {
  readonly #deps: RelayTurnsDeps;
  readonly #waiting: { readonly bytes: number; pass(): void }[] = [];
  #left = TURN_BYTES;
  #isDue = false;

  constructor(deps: RelayTurnsDeps) {
    this.#deps = deps;
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
    const { clock, isInUse } = this.#deps;
    const next = () => {
      this.#isDue = false;
      this.#left = TURN_BYTES;
      while (this.#left > 0) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        this.#left -= next.bytes;
        next.pass();
      }
      this.#renew();
    };
    if (isInUse()) clock.after(REST_MS, next);
    else clock.soon(next);
  }
}
