import type { Clock, Timer } from '../../seams/clock.ts';
import type { Proof, RightsChange } from '../services/access-api.ts';

const TICK_MS = 5000;
const MAX_STREAMS = 5000;

/** An answer that goes on, or that is waited for. */
export interface OpenStream {
  readonly proof: Proof;
  /** Ends, unless its caller may still see what it shows. */
  judge(): void;
  /** Called every few seconds: looks whether it may go on, and gives a sign of life. */
  tick(): void;
  end(): void;
}

/** The event streams and waits that are open, with the one timer that they share. */
export class OpenStreams {
  readonly #clock: Clock;
  readonly #streams = new Set<OpenStream>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one more is too many, or the server is closing. */
  get full(): boolean {
    return this.#closed || this.#streams.size >= MAX_STREAMS;
  }

  get size(): number {
    return this.#streams.size;
  }

  add(stream: OpenStream): void {
    this.#streams.add(stream);
    this.#timer ??= this.#clock.after(TICK_MS, () => this.#tick());
  }

  delete(stream: OpenStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Judges those at once whose callers lost something. */
  judge({ accounts, tokens, keys }: RightsChange): void {
    for (const stream of [...this.#streams]) {
      const { proof } = stream;
      if (accounts.has(proof.accountId) || (proof.kind === 'token' ? tokens.has(proof.tokenId) : keys.has(proof.keyId))) stream.judge();
    }
  }

  /** Ends them all; no more can be opened. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.end();
  }

  #tick(): void {
    this.#timer = undefined;
    for (const stream of [...this.#streams]) stream.tick();
    if (this.#streams.size > 0) this.#timer ??= this.#clock.after(TICK_MS, () => this.#tick());
  }
}
