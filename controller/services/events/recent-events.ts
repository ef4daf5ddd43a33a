import type { StoredEvent } from '../../domain/events/events.ts';
import { weightOf } from './event-weight.ts';

/**
 * The newest events without gaps, bounded in bytes and number. Watchers that are a little behind
 * read them here instead of in the store, and share their encodings.
 */
export class RecentEvents {
  readonly #maxBytes: number;
  readonly #maxEvents: number;
  #events: StoredEvent[] = [];
  /**
   * Events before this are dropped; the array is trimmed now and then, because a shift per event
   * costs too much.
   */
  #from = 0;
  #bytes = 0;

  constructor({ maxBytes, maxEvents }: { readonly maxBytes: number; readonly maxEvents: number }) {
    this.#maxBytes = maxBytes;
    this.#maxEvents = maxEvents;
  }

  get length(): number {
    return this.#events.length - this.#from;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get first(): StoredEvent | undefined {
    return this.#events[this.#from];
  }

  /** Adds an event. One that does not follow the last clears the list. */
  push(event: StoredEvent): void {
    const last = this.#events.at(-1);
    if (last !== undefined && last.number + 1 !== event.number) this.clear();
    this.#events.push(event);
    this.#bytes += weightOf(event);
    while (this.length > 1 && (this.#bytes > this.#maxBytes || this.length > this.#maxEvents)) this.#dropFirst();
  }

  /** Returns at most `limit` events after that number, or undefined if the next one is not here. */
  after(number: number, limit: number): readonly StoredEvent[] | undefined {
    const first = this.first;
    if (first === undefined || number + 1 < first.number) return undefined;
    const at = this.#from + number + 1 - first.number;
    return at < this.#events.length ? this.#events.slice(at, at + limit) : undefined;
  }

  /** Drops all events up to that number. */
  dropTo(number: number): void {
    while ((this.first?.number ?? Number.POSITIVE_INFINITY) <= number) this.#dropFirst();
  }

  clear(): void {
    this.#events = [];
    this.#from = 0;
    this.#bytes = 0;
  }

  #dropFirst(): void {
    const first = this.first;
    if (first === undefined) return;
    this.#bytes -= weightOf(first);
    this.#from += 1;
    if (this.length === 0) this.clear();
    else if (this.#from > 1024 || this.#from * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#from);
      this.#from = 0;
    }
  }
}
