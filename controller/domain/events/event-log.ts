import type { SessionId } from '../engine/ids.ts';
import type { StoredEvent } from './events.ts';

/** How much one read of the event log returns: so many events and bytes of their data, whichever comes first, and always one event. */
export interface PageBounds {
  readonly limit: number;
  readonly maxBytes: number;
}

export interface EventPage {
  /** In order. */
  readonly events: readonly StoredEvent[];
  /** Of the events that were asked for, the page holds every one up to this number. Never below the number asked for. */
  readonly reached: number;
  /** Retention has removed some of the events that were asked for, or may have: the page does not go on from the number asked for. */
  readonly gap: boolean;
}

/** The store's events as the publisher and the tail read them. */
export interface EventLog {
  /** Of this life of the store; raised by every restore. */
  readonly epoch: number;
  /** The newest committed number, 0 when there is none. */
  newest(): number;
  /** The oldest number still kept (retention); newest + 1 when none is. */
  oldest(): number;
  /** The events with number > `after` in order, of one session where one is given. Read beside the applier, from one commit. */
  after(after: number, bounds: PageBounds, session?: SessionId): Promise<EventPage>;
  /** The outbox's mark: all up to this number were handed to the bus. May lag: what is published twice is dropped by its number. */
  published(): number;
  markPublished(number: number): Promise<void>;
}
