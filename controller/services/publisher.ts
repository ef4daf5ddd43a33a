import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { EventLog } from '../domain/event-log.ts';
import type { News } from './news.ts';

const BATCH = 200;
const TICK_MS = 1_000;
const LAST_WORDS_MS = 1_000;

/**
 * Moves events from the event log to the bus.
 *
 * 1. In order, each at least once: an event counts as published only when the bus has let it go, and the mark that says so is kept
 *    lazily, so a process that dies publishes some of them again.
 * 2. Nothing waits for it: while the bus is away the events stay in the log.
 * 3. Each second, and after each batch, it says which event is the newest, so that a listener that missed the last one finds out.
 */
export class Publisher {
  readonly #events: EventLog;
  readonly #news: News;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #watchingState: { close(): void } | undefined;
  #position: number;
  #marked: number;
  #woken: Timer | undefined;
  #tick: Timer | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: { events: EventLog; news: News; clock: Clock; log: Log }) {
    this.#events = options.events;
    this.#news = options.news;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#marked = options.events.published();
    this.#position = this.#marked;
  }

  /** Publishes what the last process left, and goes on each second. */
  start(): void {
    this.#watchingState = this.#news.onState((connected) => {
      if (connected) this.wake();
    });
    this.#onTick();
  }

  /** There are new events. To be called after the COMMIT that made them. */
  wake(): void {
    if (this.#closed || this.#running !== undefined) return;
    this.#woken ??= this.#clock.soon(() => {
      this.#woken = undefined;
      this.#run();
    });
  }

  /** Tries for a second to get the last events out, and keeps the mark. To be called after the applier's close and before the bus's. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#watchingState?.close();
    this.#woken?.cancel();
    this.#tick?.cancel();
    const deadline = this.#clock.after(LAST_WORDS_MS, () => this.#closing.abort());
    await this.#running;
    if (!this.#closing.signal.aborted) await this.#run();
    deadline.cancel();
    await this.#keepMark();
  }

  #run(): Promise<void> {
    this.#running = this.#publishAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #publishAll(): Promise<void> {
    try {
      while (await this.#publishBatch());
    } catch (error) {
      this.#log.error('publisher.failed', { after: this.#position, error: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Whether there may be more to do now. */
  async #publishBatch(): Promise<boolean> {
    if (!this.#news.connected) return false;
    const batch = this.#events.after(this.#position, BATCH);
    if (batch.length === 0) return false;
    let reached = this.#position;
    for (const event of batch) {
      const said = this.#news.event(this.#events.epoch, event);
      if (said === 'refused') break;
      if (said === 'too large') this.#log.info('publisher.too_large', { number: event.number, type: event.type });
      reached = event.number;
    }
    this.#news.newest({ epoch: this.#events.epoch, number: batch.at(-1)?.number ?? reached });
    // In the same turn as the events, so that both go over the same connection or neither.
    if (!(await this.#news.flush(this.#closing.signal))) return false;
    const moved = reached > this.#position;
    this.#position = reached;
    return moved;
  }

  #onTick(): void {
    this.#tick = this.#clock.after(TICK_MS, () => this.#onTick());
    if (this.#news.connected) this.#news.newest({ epoch: this.#events.epoch, number: this.#events.newest() });
    this.wake();
    void this.#keepMark();
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
