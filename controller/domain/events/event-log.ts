import type { SessionId } from '../engine/ids.ts';
import type { StoredEvent } from './events.ts';

/**
 * Bounds of one read of the event log, in events and bytes of data. It always returns at least one
 * event.
 */
export interface PageBounds {
  readonly limit: number;
  readonly maxBytes: number;
}

export interface EventPage {
  /** In order of their numbers. */
  readonly events: readonly StoredEvent[];
  /**
   * The page has every requested event up to this number, which is never below the requested start.
   */
  readonly reached: number;
  /** True if retention has, or can have, removed some of the requested events. */
  readonly gap: boolean;
}

/** The store's events, as the publisher and the tail read them. */
export interface EventLog {
  /** The store's epoch. Every restore increments it. */
  readonly epoch: number;
  /** The newest committed number; 0 if there is none. */
  newest(): number;
  /** The oldest stored number; newest + 1 if there is none. */
  oldest(): number;
  /**
   * Returns the events with a number > `after` in order, only those of a session if given. Does not
   * block the applier; all of a page is from one commit.
   */
  after(after: number, bounds: PageBounds, session?: SessionId): Promise<EventPage>;
  /**
   * Every event up to this number was published. Can lag, because subscribers drop repeated
   * numbers.
   */
  published(): number;
  markPublished(number: number): Promise<void>;
}
