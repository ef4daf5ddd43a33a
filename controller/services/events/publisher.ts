import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { EventLog } from '../../domain/events/event-log.ts';
import type { StoredEvent } from '../../domain/events/events.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import { weightOf } from './event-weight.ts';
import type { News } from './news.ts';
import { RecentEvents } from './recent-events.ts';

const BATCH = { limit: 200, maxBytes: 1024 * 1024 };
/**
 * Bound of committed events that wait for publication. Beyond it, they are read from the event log.
 */
const WAITING = { maxBytes: 8 * 1024 * 1024, maxEvents: 10_000 };
const TICK_MS = 1_000;
const CLOSE_TIMEOUT_MS = 1_000;

export interface PublisherDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly events: EventLog;
  readonly news: News;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/**
 * Publishes events from the event log on the bus.
 * 1. In order, each at least once. The mark of the last published event is stored lazily, so a
 *    crash publishes some events again.
 * 2. Nothing waits for it: while the bus is down, events stay in the log.
 * 3. Each second, and after each batch, it announces the newest event, so that listeners notice a
 *    lost one.
 * 4. It publishes what commits hand over. It reads the event log only after a bus outage or a
 *    restart.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #loop: Loop<'events' | 'mark'>;
  readonly #waiting = new RecentEvents(WAITING);
  readonly #outcomes: Counter<'outcome'>;
  #watchingState: { close(): void } | undefined;
  #position: number;
  #marked: number;
  #closed = false;

  constructor(deps: PublisherDeps) {
    const { loops, events, log, metrics = silentMetrics } = deps;
    this.#deps = deps;
    this.#marked = events.published();
    this.#position = this.#marked;
    this.#outcomes = metrics.counter({
      name: 'published_events_total',
      help: 'Events sent to the bus, by outcome.',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'publisher_lag_events',
      help: 'Committed events that are not published yet.',
      read: () => events.newest() - this.#position,
    });
    this.#loop = loops.open({
      name: 'publisher',
      concurrency: 2,
      retry: { firstMs: TICK_MS, maxMs: TICK_MS },
      failed: (error) => log.error('publisher.failed', { after: this.#position, error }),
      run: (key, closing) => (key === 'events' ? this.#publishAll(closing) : this.#tick()),
    });
  }

  /** Publishes what the last process left over, then continues every second. */
  start(): void {
    this.#watchingState = this.#deps.news.onState((connected) => {
      if (connected) this.wake();
    });
    this.#loop.wake('mark');
  }

  /** Call after each COMMIT with its events. */
  committed(events: readonly StoredEvent[]): void {
    if (this.#closed) return;
    for (const event of events) this.#waiting.push(event);
    this.wake();
  }

  /** The event log can contain new events. */
  wake(): void {
    this.#loop.wake('events');
  }

  /**
   * Tries for a second to publish the last events, and stores the mark. Call after the applier and
   * before the bus is closed.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#watchingState?.close();
    await this.#loop.close();
    const ending = new AbortController();
    const deadline = this.#deps.clock.after(CLOSE_TIMEOUT_MS, () => ending.abort());
    await this.#publishAll(ending.signal).catch((error) =>
      this.#deps.log.error('publisher.failed', { after: this.#position, error: String(error) }),
    );
    deadline.cancel();
    await this.#keepMark();
  }

  async #publishAll(ending: AbortSignal): Promise<undefined> {
    while (!ending.aborted && (await this.#publishBatch(ending)));
  }

  /** Returns whether there can be more to publish now. */
  async #publishBatch(ending: AbortSignal): Promise<boolean> {
    if (!this.#deps.news.connected) return false;
    this.#waiting.dropTo(this.#position);
    const batch = this.#justCommitted() ?? (await this.#missed());
    if (batch.length === 0) return false;
    let reached = this.#position;
    for (const event of batch) {
      const outcome = this.#deps.news.event(this.#deps.events.epoch, event);
      this.#outcomes.add(1, { outcome: outcome === 'too large' ? 'too_large' : outcome });
      if (outcome === 'refused') break;
      if (outcome === 'too large') this.#deps.log.info('publisher.too_large', { number: event.number, type: event.type });
      reached = event.number;
    }
    this.#deps.news.newest({ epoch: this.#deps.events.epoch, number: batch.at(-1)?.number ?? reached });
    // In the same turn as the events, so that both use the same connection.
    if (!(await this.#deps.news.flush(ending))) return false;
    const moved = reached > this.#position;
    this.#position = reached;
    return moved;
  }

  /** Reads events from the log that no recent commit handed over. */
  async #missed(): Promise<readonly StoredEvent[]> {
    return this.#position < this.#deps.events.newest() ? (await this.#deps.events.after(this.#position, BATCH)).events : [];
  }

  /** Returns the events after the last published one, as far as recent commits handed them over. */
  #justCommitted(): readonly StoredEvent[] | undefined {
    const events = this.#waiting.after(this.#position, BATCH.limit);
    if (events === undefined) return undefined;
    let bytes = 0;
    const tooMany = events.findIndex((event, index) => {
      bytes += weightOf(event);
      return index > 0 && bytes > BATCH.maxBytes;
    });
    return tooMany < 0 ? events : events.slice(0, tooMany);
  }

  async #tick(): Promise<number> {
    if (this.#deps.news.connected) this.#deps.news.newest({ epoch: this.#deps.events.epoch, number: this.#deps.events.newest() });
    this.wake();
    await this.#keepMark();
    return TICK_MS;
  }

  async #keepMark(): Promise<void> {
    const position = this.#position;
    if (position === this.#marked) return;
    try {
      await this.#deps.events.markPublished(position);
      this.#marked = position;
    } catch (error) {
      this.#deps.log.warn('publisher.mark_failed', { number: position, error: error instanceof Error ? error.message : String(error) });
    }
  }
}
