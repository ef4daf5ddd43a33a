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
/** Of events that were just committed and are not published yet. Past it they are read from the event log. */
const WAITING = { maxBytes: 8 * 1024 * 1024, maxEvents: 10_000 };
const TICK_MS = 1_000;
const LAST_WORDS_MS = 1_000;

export interface PublisherDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly events: EventLog;
  readonly news: News;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/**
 * Moves events from the event log to the bus.
 *
 * 1. In order, each at least once: an event counts as published only when the bus has let it go, and the mark that says so is kept
 *    lazily, so a process that dies publishes some of them again.
 * 2. Nothing waits for it: while the bus is away the events stay in the log.
 * 3. Each second, and after each batch, it says which event is the newest, so that a listener that missed the last one finds out.
 * 4. It publishes what the commit gave it; the event log is read only for what went by while the bus was away, or before the start.
 */
export class Publisher {
  readonly #events: EventLog;
  readonly #news: News;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #loop: Loop<'events' | 'mark'>;
  readonly #waiting = new RecentEvents(WAITING);
  readonly #outcomes: Counter<'outcome'>;
  #watchingState: { close(): void } | undefined;
  #position: number;
  #marked: number;
  #closed = false;

  constructor({ loops, events, news, clock, log, metrics = silentMetrics }: PublisherDeps) {
    this.#events = events;
    this.#news = news;
    this.#clock = clock;
    this.#log = log;
    this.#marked = events.published();
    this.#position = this.#marked;
    this.#outcomes = metrics.counter({
      name: 'published_events_total',
      help: 'Events offered to the bus, by outcome.',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'publisher_lag_events',
      help: 'Committed events that the bus has not let go yet.',
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

  /** Publishes what the last process left, and goes on each second. */
  start(): void {
    this.#watchingState = this.#news.onState((connected) => {
      if (connected) this.wake();
    });
    this.#loop.wake('mark');
  }

  /** There are new events. To be called after the COMMIT that made them. */
  committed(events: readonly StoredEvent[]): void {
    if (this.#closed) return;
    for (const event of events) this.#waiting.push(event);
    this.wake();
  }

  /** There may be new events in the event log. */
  wake(): void {
    this.#loop.wake('events');
  }

  /** Tries for a second to get the last events out, and keeps the mark. To be called after the applier's close and before the bus's. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#watchingState?.close();
    await this.#loop.close();
    const ending = new AbortController();
    const deadline = this.#clock.after(LAST_WORDS_MS, () => ending.abort());
    await this.#publishAll(ending.signal).catch((error) =>
      this.#log.error('publisher.failed', { after: this.#position, error: String(error) }),
    );
    deadline.cancel();
    await this.#keepMark();
  }

  async #publishAll(ending: AbortSignal): Promise<undefined> {
    while (!ending.aborted && (await this.#publishBatch(ending)));
  }

  /** Whether there may be more to do now. */
  async #publishBatch(ending: AbortSignal): Promise<boolean> {
    if (!this.#news.connected) return false;
    this.#waiting.dropTo(this.#position);
    const batch = this.#justCommitted() ?? (await this.#missed());
    if (batch.length === 0) return false;
    let reached = this.#position;
    for (const event of batch) {
      const outcome = this.#news.event(this.#events.epoch, event);
      this.#outcomes.add(1, { outcome: outcome === 'too large' ? 'too_large' : outcome });
      if (outcome === 'refused') break;
      if (outcome === 'too large') this.#log.info('publisher.too_large', { number: event.number, type: event.type });
      reached = event.number;
    }
    this.#news.newest({ epoch: this.#events.epoch, number: batch.at(-1)?.number ?? reached });
    // In the same turn as the events, so that both go over the same connection or neither.
    if (!(await this.#news.flush(ending))) return false;
    const moved = reached > this.#position;
    this.#position = reached;
    return moved;
  }

  /** What no commit of this process told of, or too long ago. */
  async #missed(): Promise<readonly StoredEvent[]> {
    return this.#position < this.#events.newest() ? (await this.#events.after(this.#position, BATCH)).events : [];
  }

  /** What follows the last one that was published, as far as the commits of this process told of it. */
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
    if (this.#news.connected) this.#news.newest({ epoch: this.#events.epoch, number: this.#events.newest() });
    this.wake();
    await this.#keepMark();
    return TICK_MS;
  }

  async #keepMark(): Promise<void> {
    const position = this.#position;
    if (position === this.#marked) return;
    try {
      await this.#events.markPublished(position);
      this.#marked = position;
    } catch (error) {
      this.#log.warn('publisher.mark_failed', { number: position, error: error instanceof Error ? error.message : String(error) });
    }
  }
}
