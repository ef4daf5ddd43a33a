import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../../domain/events/events.ts';

/** Called with what arrives, which may be late, double, out of order, or of another epoch. */
export interface NewsListener {
  event(epoch: number, event: StoredEvent): void;
  /** Somebody says that this is the newest event there is. */
  newest(position: EventPosition): void;
  delta(delta: DeltaNews): void;
  log(line: LogNews): void;
}

/** News that are never stored: whoever is not there misses them. */
export interface LiveNews {
  delta(delta: DeltaNews): boolean;
  log(line: LogNews): boolean;
}

/** What travels over the bus, as services see it. Nothing that was said is sure to arrive, and nothing comes back to who said it. */
export interface News extends LiveNews {
  readonly connected: boolean;
  /** `refused`: not now (no connection, or too much on its way). `too large`: never; listeners find it in the event log. */
  event(epoch: number, event: StoredEvent): 'sent' | 'refused' | 'too large';
  newest(position: EventPosition): boolean;
  /** True once all that was said before is out; false when the connection or the signal ends first. */
  flush(signal?: AbortSignal): Promise<boolean>;
  onState(listener: (connected: boolean) => void): { close(): void };
  listen(listener: NewsListener): { close(): void };
}

/** Partial output and lines as a node said them: this process's own watchers get them as they are, those of others over the bus. */
export function heardHereToo(bus: LiveNews, here: { delta(delta: DeltaNews): void; log(line: LogNews): void }): LiveNews {
  return {
    delta(delta) {
      here.delta(delta);
      return bus.delta(delta);
    },
    log(line) {
      here.log(line);
      return bus.log(line);
    },
  };
}
