import type { SessionId } from '../engine/ids.ts';
import type { StoredEvent } from './events.ts';

/**
 * How much one read of the event log returns: this many events or bytes of data, whichever comes
 * first, and always one event.
 */
export interface PageBounds {
  readonly limit: number;
  readonly maxBytes: number;
}

export interface EventPage {
  /** In order of their numbers. */
  readonly events: readonly StoredEvent[];
  /**
   * The page has every requested event up to this number, which is never below the number asked
   * for.
   */
  readonly reached: number;
  /** True when retention has removed, or can have removed, some of the requested events. */
  readonly gap: boolean;
}

/** The store's events, as the publisher and the tail read them. */
export interface EventLog {
  /** The store's epoch; every restore raises it. */
  readonly epoch: number;
  /** The newest committed number, 0 when there is none. */
  newest(): number;
  /** The oldest number still kept; newest + 1 when there is none. */
  oldest(): number;
  /**
   * The events with number > `after` in order, of one session where one is given. Read beside the
   * applier, from one commit.
   */
  after(after: number, bounds: PageBounds, session?: SessionId): Promise<EventPage>;
  /**
   * Every event up to this number was handed to the bus. Can lag: subscribers drop repeated
   * numbers.
   */
  published(): number;
  markPublished(number: number): Promise<void>;
}
