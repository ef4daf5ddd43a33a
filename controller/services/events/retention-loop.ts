import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import { prune } from '../../domain/events/prune.ts';
import type { Applier } from '../engine/applier.ts';

const LOOK_MS = 60_000;

/**
 * Removes history that is past its time: looks once a minute, and goes on until nothing is overdue. Each part is a command of its own, behind
 * those that came meanwhile.
 */
export class Retention {
  readonly #applier: Applier;
  readonly #clock: Clock;
  readonly #passes: Counter;
  #timer: Timer | undefined;
  #closed = false;

  constructor({ applier, clock, metrics }: { applier: Applier; clock: Clock; metrics: Metrics }) {
    this.#applier = applier;
    this.#clock = clock;
    this.#passes = metrics.counter({ name: 'prune_passes_total', help: 'Commits that removed history past its retention.' });
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.after(LOOK_MS, () => {
      this.catchUp()
        // Logged by the applier; the next look tries again.
        .catch(() => undefined)
        .finally(() => this.start());
    });
  }

  /** Resolves once nothing is overdue. */
  async catchUp(): Promise<void> {
    while (!this.#closed && (await this.#applier.apply(prune()))) this.#passes.add();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
