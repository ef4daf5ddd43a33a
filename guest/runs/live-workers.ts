import type { LiveWorker__Output as LiveWorker } from '../../proto/generated/raworc/v0/LiveWorker.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Worker } from './worker-host.ts';

/** The live workers of each agent, and when they started. */
export class LiveWorkers {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #live = new Map<Worker, LiveWorker>();

  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  begun(agent: string, worker: Worker): void {
    if (this.#live.has(worker)) return;
    this.#live.set(worker, { agent, startedAtMs: this.#clock.now() });
    this.#changed();
  }

  over(worker: Worker): void {
    if (this.#live.delete(worker)) this.#changed();
  }

  /** One of each agent, the oldest: the host counts sessions, not workers. */
  all(): LiveWorker[] {
    const oldest = new Map<string, LiveWorker>();
    for (const worker of this.#live.values()) if (!oldest.has(worker.agent)) oldest.set(worker.agent, worker);
    return [...oldest.values()];
  }
}
