import Database from 'better-sqlite3';
import type { Store } from '../../services/engine/store.ts';
import { isStoreFault, remedyFor } from '../../services/engine/transaction-lost.ts';
import type { Checkpointer } from './checkpoints/checkpointer.ts';
import { checkSchema } from './columns.ts';
import { eventLogOf } from './event-log.ts';
import { type Meta, metaOf } from './meta.ts';
import { migrate } from './migrations/migrations.ts';
import { Snapshot } from './snapshot.ts';
import type { Syncer } from './syncs/syncer.ts';
import { KeptRows } from './views/kept-rows.ts';
import { sqliteView } from './views/sqlite-view.ts';
import { writerOf } from './writer.ts';

/** A store without reading threads: for tools, tests and {@link openControllerStore}. */
export interface SqliteStore extends Pick<Store, 'writer' | 'view' | 'events' | 'audit' | 'check'> {
  readonly path: string;
  close(): void;
}

export interface StoreOptions {
  /** Bound of the database size, for tests of a full disk. */
  readonly maxBytes?: number;
  /**
   * Another store writes to the same database. Its commits become visible, which makes each read
   * slower.
   */
  readonly looksOn?: boolean;
  /** Makes the checkpoints. Without it, commits do. The caller closes it before the store. */
  readonly checkpointer?: Checkpointer;
  /**
   * Syncs what the writer's transactions leave to it; without it, each commit syncs. The caller
   * starts it, and closes it before the store.
   */
  readonly syncer?: Syncer;
}

/**
 * Size of the page cache: fetching a page from the system costs as much as the rest of reading a
 * row.
 */
const CACHE_KIB = 64 * 1024;
/** SQLite's default, which all our databases have. */
const PAGE_BYTES = 4096;

/**
 * Opens or creates the database at `path`. Every acknowledged commit survives a power cut (WAL,
 * with a sync of each). Throws an error that says what to do when the database cannot be written: a
 * controller that could not keep its first command does not start.
 */
export async function openBareStore(
  path: string,
  epoch: number,
  { looksOn = false, maxBytes, checkpointer, syncer }: StoreOptions = {},
): Promise<SqliteStore> {
  const opened: Database.Database[] = [];
  const open = (options: Database.Options = {}) => {
    const database = new Database(path, options);
    opened.push(database);
    return database;
  };
  const close = () => {
    for (const database of opened.reverse()) database.close();
  };
  try {
    const writing = open();
    writing.pragma('journal_mode = WAL');
    writing.pragma('synchronous = FULL');
    if (maxBytes !== undefined) writing.pragma(`max_page_count = ${Math.floor(maxBytes / PAGE_BYTES)}`);
    await migrate(writing);
    // Keeps the statement journals of savepoints in memory. In a file, each batch of more than a
    // few pages would write them needlessly. Migrations sort whole tables, which needs a file.
    writing.pragma('temp_store = MEMORY');
    checkSchema(writing);
    const meta = metaOf(writing);
    if (!looksOn) tryToWrite(writing, meta);
    const reading = open({ readonly: true });
    for (const database of [writing, reading]) database.pragma(`cache_size = -${CACHE_KIB}`);
    // A store that only observes keeps no read transaction open, so that it sees the commits of
    // others.
    const snapshot = looksOn ? undefined : new Snapshot(writing, reading, () => checkpointer?.committed());
    const kept = snapshot === undefined ? undefined : new KeptRows();
    checkpointer?.attach(writing);
    const level = syncer === undefined ? 'FULL' : 'NORMAL';
    writing.pragma(`synchronous = ${level}`);
    const connection = () => snapshot?.connection() ?? reading;
    return {
      writer: writerOf({ database: writing, meta, snapshot, syncer, kept }),
      view: sqliteView(connection, kept?.forReaders),
      events: eventLogOf({ connection, writing, level, meta, epoch, snapshot }),
      path,
      audit: {
        exported: (sink) => meta.get(`audit_exported_${sink}`),
        markExported(sink, number) {
          const mark = () => meta.set(`audit_exported_${sink}`, number);
          if (snapshot === undefined) mark();
          else snapshot.write(mark);
        },
      },
      check: () => void reading.prepare('select 1').get(),
      close,
    };
  } catch (error) {
    close();
    if (!isStoreFault(error)) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot open ${path} for writing: ${text}. ${remedyFor(error)}`, { cause: error });
  }
}

/**
 * Writes and syncs a page, to test whether that works. First it syncs what an earlier process left
 * in the log and might not have synced, by copying it into the database: a log whose sync failed
 * looks whole as long as the system remembers it.
 */
function tryToWrite(database: Database.Database, meta: Meta): void {
  database.pragma('wal_checkpoint(restart)');
  meta.set('last_time', meta.get('last_time'));
}
