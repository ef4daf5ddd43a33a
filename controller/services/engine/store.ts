/**
 * The store as services use it. Each database engine implements it in its own folder below
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
   * Runs `work` in one transaction; rolls back and rethrows if it throws. Returns once committed.
   * Throws {@link TransactionLost} if the store can no longer write.
   */
  transaction<T>(work: () => T): T;
  /**
   * Makes the last transaction durable and shows it to all who read the store. Returns undefined if
   * that has happened already; else a promise, until which no transaction may begin. Rejects with a
   * {@link TransactionLost} if the disk refuses.
   */
  sync(): Promise<void> | undefined;
  /** Does the same on this thread, also for a `sync` in progress. */
  syncNow(): void;
  /**
   * Runs `work` in a savepoint of the transaction; rolls back to it and rethrows if it throws.
   * Throws {@link TransactionLost} if the transaction no longer exists: then `transaction` throws
   * too.
   */
  savepoint<T>(work: () => T): T;
  apply(mutation: Mutation): void;
  /** Stores an event under this number, and assigns its number within its session. */
  record(event: NewEvent, number: number, at: number): StoredEvent;
  lastEventNumber(): number;
  /** Returns the later of the kept last time and the time of the newest event; 0 in a new store. */
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
  /** Queries that scan. They run in parallel to the applier. */
  readonly lists: Lists;
  /** Pages of events, also read in parallel to the applier. */
  readonly events: EventLog;
  /** The progress of the export of audit records. */
  readonly audit: AuditCursor;
  /** Throws if the store cannot be read. */
  check(): void;
  /** Returns how many readers of lists and event pages are down at the moment. */
  readersDown(): number;
  close(): Promise<void>;
}

/** The progress of the export of audit records, for each sink. */
export interface AuditCursor {
  exported(sink: 'file' | 'bus'): number;
  markExported(sink: 'file' | 'bus', number: number): void;
}
