import type { SessionId } from '../engine/ids.ts';
import type { StoredEvent } from './events.ts';

/** Bounds of one page: it ends at the first that is reached, but has at least one event. */
export interface PageBounds {
  readonly limit: number;
  readonly maxBytes: number;
}

export interface EventPage {
  /** In order of their numbers. */
  readonly events: readonly StoredEvent[];
  /**
   * The page includes every matching event up to this number. Never below the number given to
   * `after`.
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
   * Returns the events with number > `after`, in order, optionally of one session. Reads one
   * commit, without blocking the applier.
   */
  after(after: number, bounds: PageBounds, session?: SessionId): Promise<EventPage>;
  /**
   * Every event up to this number was handed to the bus. Can lag: subscribers drop repeated
   * numbers.
   */
  published(): number;
  markPublished(number: number): Promise<void>;
}
