import type { Clock, Timer } from '../../seams/clock.ts';

/** Answers are large: more of them at once could overflow the controller's stream. */
const UNDER_WAY = 2;
/** After a refusal, or an answer that the guest had no room for. */
const REST_MS = 5_000;

interface Wanted {
  readonly version: number;
  readonly rest: Timer | undefined;
}

/**
 * Guests that wait for their space's secrets. No secret is kept here.
 *
 * 1. A few are requested at a time, each until it is answered: again on each new stream, and some
 *    time after a refusal.
 * 2. The controller answers each request, if only with a refusal, or its stream ends.
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

  /** Its guest has a message that names this version. */
  want(sessionId: string, version: number): void {
    this.forget(sessionId);
    this.#wanted.set(sessionId, { version, rest: undefined });
    this.#askNext();
  }

  /**
   * Whether this answers what the guest waits for; 0 is a refusal. It counts as delivered unless
   * `missed` is called.
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

  /** To be asked for again in a while. */
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

  /** A new stream begins: requests on the old one stay unanswered. */
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
