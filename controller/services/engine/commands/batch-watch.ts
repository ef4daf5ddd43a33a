import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { type Metrics, SECONDS } from '../../../../seams/metrics.ts';

/** A slower batch is logged: everybody waited for it. */
const SLOW_MS = 1_000;
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** Measures the applier's batches. */
export class BatchWatch {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #commands;
  readonly #decide;
  readonly #commit;
  readonly #failed;
  #begunAt = 0;
  #decidedAt = 0;
  #lastAt = 0;
  #slowest = { name: '', ms: 0 };

  constructor({ clock, log, metrics }: { clock: Clock; log: Log; metrics: Metrics }) {
    this.#clock = clock;
    this.#log = log;
    this.#commands = metrics.histogram({ name: 'batch_commands', help: 'Commands in one transaction.', buckets: SIZES });
    this.#decide = metrics.histogram({ name: 'batch_decide_seconds', help: 'Time to decide a batch.', buckets: SECONDS });
    this.#commit = metrics.histogram({ name: 'batch_commit_seconds', help: 'Time to commit a batch, with the sync.', buckets: SECONDS });
    this.#failed = metrics.counter({ name: 'commands_failed_total', help: 'Commands that threw. Nothing of them was stored.' });
  }

  begin(): void {
    this.#begunAt = this.#clock.monotonic();
    this.#lastAt = this.#begunAt;
    this.#slowest = { name: '', ms: 0 };
  }

  /** Returns the duration of the batch so far. */
  decided(name: string): number {
    const now = this.#clock.monotonic();
    if (now - this.#lastAt > this.#slowest.ms) this.#slowest = { name, ms: now - this.#lastAt };
    this.#lastAt = now;
    this.#decidedAt = now;
    return now - this.#begunAt;
  }

  failed(): void {
    this.#failed.add();
  }

  committed(commands: number): void {
    const decideMs = this.#decidedAt - this.#begunAt;
    const commitMs = this.#clock.monotonic() - this.#decidedAt;
    this.#commands.observe(commands);
    this.#decide.observe(decideMs / 1000);
    this.#commit.observe(commitMs / 1000);
    if (decideMs + commitMs < SLOW_MS) return;
    this.#log.warn('applier.slow_batch', {
      commands,
      decide_ms: Math.round(decideMs),
      commit_ms: Math.round(commitMs),
      slowest_command: this.#slowest.name,
      slowest_ms: Math.round(this.#slowest.ms),
    });
  }
}
