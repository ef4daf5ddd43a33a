import type { StoredEvent } from './events.ts';

/** The store's events as the publisher and the tail read them: synchronous, by number, on a connection of its own. */
export interface EventLog {
  /** Of this life of the store; raised by every restore. */
  readonly epoch: number;
  /** The newest committed number, 0 when there is none. */
  newest(): number;
  /** The oldest number still kept (retention); newest + 1 when none is. */
  oldest(): number;
  /** Up to `limit` events with number > `after`, in order. */
  after(after: number, limit: number): readonly StoredEvent[];
  /** The outbox's mark: all up to this number were handed to the bus. May lag: what is published twice is dropped by its number. */
  published(): number;
  markPublished(number: number): Promise<void>;
}
