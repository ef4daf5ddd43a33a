import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../domain/events.ts';

/** Called with what arrives, which may be late, double, out of order, or of another epoch. */
export interface NewsListener {
  event(epoch: number, event: StoredEvent): void;
  /** Somebody says that this is the newest event there is. */
  newest(position: EventPosition): void;
  delta(delta: DeltaNews): void;
  log(line: LogNews): void;
}

/** What travels over the bus, as services see it. Nothing that was said is sure to arrive. */
export interface News {
  readonly connected: boolean;
  /** `refused`: not now (no connection, or too much on its way). `too large`: never; listeners find it in the event log. */
  event(epoch: number, event: StoredEvent): 'sent' | 'refused' | 'too large';
  newest(position: EventPosition): boolean;
  delta(delta: DeltaNews): boolean;
  log(line: LogNews): boolean;
  /** True once all that was said before is out; false when the connection or the signal ends first. */
  flush(signal?: AbortSignal): Promise<boolean>;
  onState(listener: (connected: boolean) => void): { close(): void };
  listen(listener: NewsListener): { close(): void };
}
