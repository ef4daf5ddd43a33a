import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { EventLog, EventPage } from '../../domain/events/event-log.ts';
import type { StoredEvent } from '../../domain/events/events.ts';
import type { Due, Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';

/**
 * The newest number is announced each second. After this long without an announcement, read the
 * event log.
 */
const SILENCE_MS = 1_500;
const RETRY = { firstMs: 1_000, maxMs: 1_000 } as const;

export interface OrderedEventsDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly events: Pick<EventLog, 'newest'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads the event log after a number. */
  read(after: number): Promise<EventPage>;
  /** Called with each event, in order, once. */
  take(event: StoredEvent): void;
  /** Retention outran this process: events up to this number are pruned. */
  pruned(upTo: number): void;
}

/**
 * Turns news of events into one list without gaps or duplicates. It accepts an event that follows
 * the last one. Any other news only tells how far there is to go; missing events are read from the
 * event log, one page at a time.
 */
export class OrderedEvents {
  readonly #deps: OrderedEventsDeps;
  readonly #loop: Loop<'missing'>;
  /** Events up to here were accepted. */
  #last: number;
  /** The newest number that was announced. */
  #known: number;
  #heardAtMs: number;
  #closed = false;

  constructor(deps: OrderedEventsDeps) {
    this.#deps = deps;
    this.#last = deps.events.newest();
    this.#known = this.#last;
    this.#heardAtMs = deps.clock.monotonic();
    this.#loop = deps.loops.open({
      name: 'tail',
      retry: RETRY,
      failed: (error) => deps.log.error('tail.read_failed', { after: this.#last, error }),
      run: () => this.#readMissing(),
    });
  }

  get last(): number {
    return this.#last;
  }

  /** Number of announced events that were not accepted yet. */
  get lag(): number {
    return this.#known - this.#last;
  }

  start(): void {
    this.announced(this.#known);
    this.#loop.after('missing', SILENCE_MS);
  }

  hear(event: StoredEvent): void {
    if (this.#closed) return;
    if (event.number === this.#last + 1) this.#take(event);
    else this.#reach(event.number);
  }

  /** Handles an announcement of the newest event. */
  announced(number: number): void {
    this.#heardAtMs = this.#deps.clock.monotonic();
    this.#reach(number);
  }

  close(): void {
    this.#closed = true;
    void this.#loop.close();
  }

  #reach(number: number): void {
    this.#known = Math.max(this.#known, number);
    if (this.#known > this.#last) this.#loop.wake('missing');
  }

  #take(event: StoredEvent): void {
    this.#last = event.number;
    this.#known = Math.max(this.#known, event.number);
    this.#deps.take(event);
  }

  async #readMissing(): Promise<Due> {
    const { clock, events } = this.#deps;
    if (clock.monotonic() - this.#heardAtMs >= SILENCE_MS) this.announced(events.newest());
    if (this.#known > this.#last) await this.#readPage();
    return this.#known > this.#last ? 0 : Math.max(1, this.#heardAtMs + SILENCE_MS - clock.monotonic());
  }

  async #readPage(): Promise<void> {
    const page = await this.#deps.read(this.#last);
    const before = this.#last;
    for (const event of page.events) {
      if (this.#closed) return;
      if (event.number > this.#last + 1) this.#skipPruned(event.number - 1);
      if (event.number > this.#last) this.#take(event);
    }
    // An announced event that does not exist belongs to another store. Wait for the next
    // announcement.
    if (this.#last === before) this.#known = before;
  }

  #skipPruned(upTo: number): void {
    this.#deps.log.warn('tail.pruned', { after: this.#last, upTo });
    this.#last = upTo;
    this.#deps.pruned(upTo);
  }
}
