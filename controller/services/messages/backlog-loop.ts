import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { View } from '../../domain/engine/view.ts';
import { workOff } from '../../domain/messages/commands/work-off.ts';
import type { Applier } from '../engine/applier.ts';

/** Sessions that take turns. */
const AT_ONCE = 20;
/** Between two tries, where the applier could not decide. */
const RETRY_MS = 1_000;

export interface BacklogDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Does what was too much for one commit, a part at a time, until nothing is left over. Driven by the rows: a restart goes on. Every part waits
 * its turn behind the commands of others.
 */
export class Backlog {
  readonly #deps: BacklogDeps;
  #running = false;
  #retry: Timer | undefined;
  #closed = false;

  constructor(deps: BacklogDeps) {
    this.#deps = deps;
    deps.applier.onCommitted(({ mutations }) => {
      if (mutations.some((mutation) => mutation.kind === 'put' && mutation.table === 'backlog')) this.wake();
    });
    deps.metrics.gauge({
      name: 'backlog_sessions',
      help: 'Sessions with messages still to be answered or removed in steps, up to 1,000.',
      read: () => deps.view.backlogged(1000).length,
    });
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#retry?.cancel();
    this.#run()
      .catch(() => {
        // Logged by the applier. A closed one is the end of this, too.
        if (!this.#closed) this.#retry = this.#deps.clock.after(RETRY_MS, () => this.wake());
      })
      .finally(() => {
        this.#running = false;
      });
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
  }

  async #run(): Promise<void> {
    const { applier, view } = this.#deps;
    for (;;) {
      const rows = view.backlogged(AT_ONCE);
      if (rows.length === 0) return;
      for (const { id } of rows) {
        if (this.#closed) return;
        await applier.apply(workOff(id));
      }
    }
  }
}
