import type { LiveWorker__Output as LiveWorker } from '../../proto/generated/raworc/v0/LiveWorker.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Worker } from './worker-host.ts';

/** The live worker of each agent, and when it started. */
export class LiveWorkers {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #live = new Map<string, { readonly worker: Worker; readonly startedAtMs: number }>();

  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  begun(agent: string, worker: Worker): void {
    if (this.#live.get(agent)?.worker === worker) return;
    this.#live.set(agent, { worker, startedAtMs: this.#clock.now() });
    this.#changed();
  }

  over(agent: string, worker: Worker): void {
    if (this.#live.get(agent)?.worker !== worker) return;
    this.#live.delete(agent);
    this.#changed();
  }

  all(): LiveWorker[] {
    return [...this.#live].map(([agent, { startedAtMs }]) => ({ agent, startedAtMs }));
  }
}
