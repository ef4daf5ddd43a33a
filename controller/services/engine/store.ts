/**
 * The store as services use it. An engine implements this in a folder of its own below
 * `controller/store/`.
 */
import type { KeptTime } from '../../domain/engine/agreed-time.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { View } from '../../domain/engine/view.ts';
import type { EventLog } from '../../domain/events/event-log.ts';
import type { NewEvent, StoredEvent } from '../../domain/events/events.ts';
import type { Lists } from './lists.ts';

/** Writes rows, one transaction at a time. There is one writer, and only the applier has it. */
export interface Writer {
  /** The rows as the transaction has left them so far. */
  readonly view: View;
  /**
   * Runs `work` in one durable transaction; rolls back and rethrows when it throws. Returns once
   * committed. Throws {@link TransactionLost} when nothing can be written any more.
   */
  transaction<T>(work: () => T): T;
  /**
   * Runs `work` in a savepoint of the transaction; rolls back to it and rethrows when it throws.
   * Throws {@link TransactionLost} when no transaction is left to go back to: then `transaction`
   * throws too.
   */
  savepoint<T>(work: () => T): T;
  apply(mutation: Mutation): void;
  /** Stores an event under this number, and numbers it within its session. */
  record(event: NewEvent, number: number, at: number): StoredEvent;
  lastEventNumber(): number;
  /** Returns the time of the newest row, or 0 in a new store. */
  lastTime(): number;
  keepLastTime(at: number): void;
  /** Returns undefined if none was ever stored. */
  keptTime(): KeptTime | undefined;
  keepTime(kept: KeptTime): void;
}

export interface Store {
  readonly writer: Writer;
  /** Single rows and short lists, as last committed. */
  readonly view: View;
  /** Queries that scan, which run beside the applier. */
  readonly lists: Lists;
  /** Pages of events, read beside the applier too. */
  readonly events: EventLog;
  /** How far the audit record has been exported. */
  readonly audit: AuditCursor;
  /** Throws if the store cannot be read. */
  check(): void;
  /** How many readers of lists and event pages are down at the moment. */
  readersDown(): number;
  close(): Promise<void>;
}

/** How far the export of the audit record has come, for each sink. */
export interface AuditCursor {
  exported(sink: 'file' | 'bus'): number;
  markExported(sink: 'file' | 'bus', number: number): void;
}
