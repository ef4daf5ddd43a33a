import type { Workers__Output as Workers } from '../../proto/generated/raworc/v0/Workers.ts';
import type { Outbox } from './outbox.ts';

/**
 * The live workers of each session, and whether processes keep it awake, as its guest reports them. The newest report of each is sent
 * again on each new stream.
 */
export class WorkerNews {
  readonly #outbox: Outbox;
  readonly #live = new Map<string, Workers>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  told(workers: Workers): void {
    const { sessionId } = workers;
    if (workers.workers.length > 0 || workers.keptAwake > 0) this.#live.set(sessionId, workers);
    else if (!this.#live.delete(sessionId)) return;
    this.#say(workers);
  }

  /** The guest disconnected, so its workers are unknown. */
  gone(sessionId: string): void {
    this.told({ sessionId, workers: [], keptAwake: 0 });
  }

  /** To be called on each new stream. */
  resend(): void {
    for (const workers of this.#live.values()) this.#say(workers);
  }

  /** The controller did not know the session until now, and ignored what it was told of it. */
  repeat(sessionId: string): void {
    const workers = this.#live.get(sessionId);
    if (workers !== undefined) this.#say(workers);
  }

  #say(workers: Workers): void {
    this.#outbox.keep(`workers:${workers.sessionId}`, { kind: 'workers', value: workers });
  }
}
