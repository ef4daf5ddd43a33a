import { Transform } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';

/**
 * Bytes of images that pass in one turn of the event loop, whatever the number of nodes that pull:
 * about half a millisecond of it. Each step of a message waits for one turn at most.
 */
const TURN_BYTES = 64 * 1024;
/** Between two turns while somebody waits for the controller: images then pass at about 30 MB/s. */
const REST_MS = 2;
/**
 * Bytes that pass without rests even then: enough for a host that has just joined, or for a new build
 * on a few hosts. Regained more slowly than images pass with rests.
 */
const BURST = { bytes: 1024 * 1024 * 1024, perMs: 16_000 } as const;

export interface RelayTurnsDeps {
  readonly clock: Pick<Clock, 'soon' | 'after' | 'monotonic'>;
  /** Whether clients wait for answers. Images then pass more slowly. */
  isInUse(): boolean;
}

/** Lets layers pass in turns, first come, first served, so that messages do not wait for all that is ready. */
export class RelayTurns {
  readonly #deps: RelayTurnsDeps;
  readonly #waiting: { readonly bytes: number; pass(): void }[] = [];
  #left = TURN_BYTES;
  #burst: number = BURST.bytes;
  #regainedMs: number;
  #isDue = false;

  constructor(deps: RelayTurnsDeps) {
    this.#deps = deps;
    this.#regainedMs = deps.clock.monotonic();
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
      this.#passing(bytes);
      pass();
    }
    this.#renew();
  }

  #passing(bytes: number): void {
    this.#left -= bytes;
    this.#burst = Math.max(0, this.#burst - bytes);
  }

  #hasBurst(): boolean {
    const nowMs = this.#deps.clock.monotonic();
    this.#burst = Math.min(BURST.bytes, this.#burst + (nowMs - this.#regainedMs) * BURST.perMs);
    this.#regainedMs = nowMs;
    // A little is no burst: the pace would change with each turn.
    return this.#burst >= BURST.bytes / 64;
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
        this.#passing(next.bytes);
        next.pass();
      }
      this.#renew();
    };
    if (isInUse() && !this.#hasBurst()) clock.after(REST_MS, next);
    else clock.soon(next);
  }
}
