import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Counter, type Histogram, type Metrics, SECONDS, silentMetrics } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import { Loop, type LoopWork, type Ran } from './loop.ts';

export interface LoopOptions<Key extends string> extends LoopWork<Key> {
  /** The label `loop` of its metrics. */
  readonly name: string;
  /** The key that `start` wakes, at once or after a delay. */
  readonly first?: { readonly key: Key; readonly afterMs?: number };
  /** Logs a failure. Default: a line `loop.failed` at error level. */
  failed?(error: string, failure: { readonly key: Key; readonly inARow: number }): void;
}

/**
 * All background loops of a process: started, measured and closed together. Most are opened in
 * core.ts, those that need keys or certificates in controller.ts.
 */
export class Loops {
  readonly #deps: { readonly clock: Clock; readonly random: Random; readonly log: Log };
  readonly #seconds: Histogram<'loop'>;
  readonly #failures: Counter<'loop'>;
  readonly #open: { readonly name: string; readonly loop: { readonly waiting: number; close(): Promise<void> }; start(): void }[] = [];

  constructor(deps: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly metrics?: Metrics }) {
    const { metrics = silentMetrics } = deps;
    this.#deps = deps;
    this.#seconds = metrics.histogram({
      name: 'loop_run_seconds',
      help: 'Runs of background loops, including failed ones.',
      labels: ['loop'],
      buckets: SECONDS,
    });
    this.#failures = metrics.counter({
      name: 'loop_failures_total',
      help: 'Failed runs of background loops. Each is retried.',
      labels: ['loop'],
    });
    metrics.gauge({
      name: 'loop_waiting_keys',
      help: 'Keys waiting for a run of their background loop.',
      labels: ['loop'],
      read: () => this.#open.map(({ name, loop }) => ({ labels: { loop: name }, value: loop.waiting })),
    });
  }

  open<Key extends string>(options: LoopOptions<Key>): Loop<Key> {
    const loop = new Loop<Key>({ ...this.#deps, ran: (ran) => this.#ran(options, ran) }, options);
    const { name, first } = options;
    this.#open.push({ name, loop, start: () => first !== undefined && loop.after(first.key, first.afterMs ?? 0) });
    return loop;
  }

  start(): void {
    for (const { start } of this.#open) start();
  }

  /** Resolves after the last run of every loop. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map(({ loop }) => loop.close()));
  }

  #ran<Key extends string>({ name, failed }: LoopOptions<Key>, { key, elapsedMs, failure }: Ran<Key>): void {
    this.#seconds.observe(elapsedMs / 1000, { loop: name });
    if (failure === undefined) return;
    this.#failures.add(1, { loop: name });
    const error = failure.error instanceof Error ? failure.error.message : String(failure.error);
    if (failed !== undefined) failed(error, { key, inARow: failure.inARow });
    else this.#deps.log.error('loop.failed', { loop: name, key, error, retry_ms: Math.round(failure.retryMs) });
  }
}
