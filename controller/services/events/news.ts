import type { DeltaNews, EventPosition, StoredEvent } from '../../domain/events/events.ts';

/**
 * Receives messages from the bus, which can be late, duplicated, reordered, or of another epoch.
 */
export interface NewsListener {
  event(epoch: number, event: StoredEvent): void;
  /** The sender believes that this is the newest event. */
  newest(position: EventPosition): void;
  delta(delta: DeltaNews): void;
}

/** Messages that are never stored: absent watchers miss them. */
export interface LiveNews {
  delta(delta: DeltaNews): boolean;
}

/**
 * Publishes to the bus. Delivery is not guaranteed, and a sender does not receive its own messages.
 */
export interface News extends LiveNews {
  readonly connected: boolean;
  /**
   * `refused`: retry later (no connection, or too much in flight). `too large`: never; listeners
   * read it from the event log.
   */
  event(epoch: number, event: StoredEvent): 'sent' | 'refused' | 'too large';
  newest(position: EventPosition): boolean;
  /**
   * Resolves to true once everything is sent; to false if the connection or the signal ends first.
   */
  flush(signal?: AbortSignal): Promise<boolean>;
  onState(listener: (connected: boolean) => void): { close(): void };
  listen(listener: NewsListener): { close(): void };
}

/**
 * Passes partial output to this process's watchers directly, and to the others over the bus.
 */
export function withLocalWatchers(bus: LiveNews, here: { delta(delta: DeltaNews): void }): LiveNews {
  return {
    delta(delta) {
      here.delta(delta);
      return bus.delta(delta);
    },
  };
}
