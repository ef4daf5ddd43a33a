import type { Clock, Timer } from '../../seams/clock.ts';

/**
 * Most concurrent requests: answers are large, and more of them could overflow the controller's
 * stream.
 */
const UNDER_WAY = 2;
/** Delay after a refusal, or after an answer that did not fit into the guest's link. */
const REST_MS = 5_000;

interface Wanted {
  readonly version: number;
  readonly rest: Timer | undefined;
}

/**
 * Guests that wait for their space's secrets. No secret is kept here.
 *
 * 1. A few requests are sent at a time. Each is repeated on a new stream, and some time after a
 *    refusal, until it is answered.
 * 2. The controller answers each request, even if only with a refusal, unless its stream ends.
 */
export class SecretRequests {
  readonly #clock: Clock;
  readonly #ask: (sessionId: string, version: number) => void;
  readonly #wanted = new Map<string, Wanted>();
  readonly #asked = new Set<string>();
  #holding = false;

  constructor(clock: Clock, ask: (sessionId: string, version: number) => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Its guest has a message that needs this version. */
  want(sessionId: string, version: number): void {
    this.forget(sessionId);
    this.#wanted.set(sessionId, { version, rest: undefined });
    this.#askNext();
  }

  /**
   * Returns whether this is the version that the guest waits for; 0 is a refusal. It counts as
   * delivered unless `missed` is called.
   */
  answered(sessionId: string, version: number): boolean {
    this.#asked.delete(sessionId);
    const wanted = this.#wanted.get(sessionId);
    const isMeant = wanted !== undefined && version >= wanted.version;
    if (isMeant) this.forget(sessionId);
    else if (wanted !== undefined) this.missed(sessionId, wanted.version);
    this.#askNext();
    return isMeant;
  }

  /** The answer was not delivered: request it again later. */
  missed(sessionId: string, version: number): void {
    this.forget(sessionId);
    const rest = this.#clock.after(REST_MS, () => this.want(sessionId, version));
    this.#wanted.set(sessionId, { version, rest });
  }

  /** Its guest disconnected; the next one requests them again. */
  forget(sessionId: string): void {
    this.#wanted.get(sessionId)?.rest?.cancel();
    this.#wanted.delete(sessionId);
  }

  /** A new stream has started: requests on the old one stay unanswered. */
  hold(): void {
    this.#holding = true;
    this.#asked.clear();
  }

  /** The controller has sent all assignments: request again. */
  resend(): void {
    this.#holding = false;
    this.#asked.clear();
    this.#askNext();
  }

  #askNext(): void {
    if (this.#holding) return;
    for (const [sessionId, { version, rest }] of this.#wanted) {
      if (this.#asked.size >= UNDER_WAY) return;
      if (rest !== undefined || this.#asked.has(sessionId)) continue;
      this.#asked.add(sessionId);
      this.#ask(sessionId, version);
    }
  }
}
