import { Transform } from 'node:stream';
import type { Clock } from '../../../seams/clock.ts';

/**
 * Bytes that pass in one turn of the event loop, from all senders together. They take about half a
 * millisecond, which is the longest that any step of a message waits for them.
 */
const TURN_BYTES = 64 * 1024;
/** Between two turns while somebody waits for the controller: about 30 MB/s then pass. */
const REST_MS = 2;

export interface ByteTurnsDeps {
  readonly clock: Pick<Clock, 'soon' | 'after' | 'monotonic'>;
  /** Whether clients wait for answers. Bytes then pass more slowly. */
  isInUse(): boolean;
  /** Bytes that pass without rests even then, and how many are regained per millisecond. Default: none. */
  readonly burst?: { readonly bytes: number; readonly perMs: number };
}

/**
 * Lets bulk data, such as layers of images and uploaded sources, pass in turns, first come, first
 * served, so that messages do not wait for all that is ready.
 */
export class ByteTurns {
  readonly #deps: ByteTurnsDeps;
  readonly #waiting: { readonly bytes: number; pass(): void }[] = [];
  #left = TURN_BYTES;
  #burst: number;
  #regainedMs: number;
  #isDue = false;

  constructor(deps: ByteTurnsDeps) {
    this.#deps = deps;
    this.#burst = deps.burst?.bytes ?? 0;
    this.#regainedMs = deps.clock.monotonic();
  }

  /** Returns a stream that passes on what is written to it. */
  through(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => this.#take(chunk.byteLength, () => done(null, chunk)),
    });
  }

  /** Resolves when that many bytes can pass: at most a chunk of a stream, of which no more is read meanwhile. */
  wait(bytes: number): Promise<void> {
    return new Promise((resolve) => this.#take(bytes, resolve));
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
    const { burst, clock } = this.#deps;
    if (burst === undefined) return false;
    const nowMs = clock.monotonic();
    this.#burst = Math.min(burst.bytes, this.#burst + (nowMs - this.#regainedMs) * burst.perMs);
    this.#regainedMs = nowMs;
    // A little is no burst: the pace would change with each turn.
    return this.#burst >= burst.bytes / 64;
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
