import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import type { KeptTime } from '../../domain/engine/agreed-time.ts';
import { type Mutation, TABLES, type TableName } from '../../domain/engine/mutation.ts';
import type { View } from '../../domain/engine/view.ts';
import type { EventLog } from '../../domain/events/event-log.ts';
import { EVENTS, type NewEvent, type StoredEvent } from '../../domain/events/events.ts';
import type { AuditCursor } from '../../services/audit/audit-export.ts';
import { isStoreFault, remedyFor, TransactionLost } from '../../services/engine/transaction-lost.ts';
import { auditInsert, auditPruning } from './audit.ts';
import { checkSchema, columnsOf, namesOf, placesFor, type SqlRow, type SqlValue, snake, toSql } from './columns.ts';
import { keptTimeIn } from './kept-time.ts';
import { messageCopies } from './message-copies.ts';
import { migrate } from './migrations/migrations.ts';
import { pruning } from './pruning.ts';
import { type ReadQueries, readEventPage } from './reader/event-pages.ts';
import { rowWriter } from './row-writer.ts';
import { Snapshot } from './snapshot.ts';
import { sqliteView } from './views/sqlite-view.ts';

/** What the applier writes with: one transaction at a time, on the only connection that writes. */
export interface Writer {
  readonly view: View;
  /** Runs `work` in one durable transaction; rolls back and rethrows when it throws. Returns once committed. */
  transaction<T>(work: () => T): T;
  /**
   * Runs `work` in a savepoint of the transaction; rolls back to it and rethrows when it throws. Throws TransactionLost when there
   * is no transaction left to go back to: then nothing may be written any more, and `transaction` throws too.
   */
  savepoint<T>(work: () => T): T;
  apply(mutation: Mutation): void;
  /** Numbers and keeps an event; the number within its session is counted here. */
  record(event: NewEvent, number: number, at: number): StoredEvent;
  lastEventNumber(): number;
  /** The time of the newest row, 0 in a new store. */
  lastTime(): number;
  keepLastTime(at: number): void;
  /** Undefined in a store that never kept any. */
  keptTime(): KeptTime | undefined;
  keepTime(kept: KeptTime): void;
}

export interface Store {
  readonly writer: Writer;
  /** What was last committed, on a connection of its own. */
  readonly view: View;
  /** Reads pages on this thread; `eventsOnThread` reads them beside it. */
  readonly events: EventLog;
  readonly path: string;
  /** How far the audit record is exported. */
  readonly audit: AuditCursor;
  /** Throws when the store cannot be read. */
  check(): void;
  close(): void;
}

export interface StoreOptions {
  /** The database grows no larger than this many bytes. For tests of a full disk. */
  readonly maxBytes?: number;
  /** Another store of the same database writes meanwhile: its commits are seen too, which makes each read slower. */
  readonly looksOn?: boolean;
}

/** Of pages, read as they are needed: to fetch one from the system takes as long as the rest of reading a row. */
const CACHE_KIB = 64 * 1024;
/** SQLite's own default, which every database of ours has. */
const PAGE_BYTES = 4096;

/**
 * Opens or makes the database at `path`. Every acknowledged commit survives a power cut (WAL, synchronous FULL). Throws, and says what to
 * do, when the database cannot be written: a controller that could not keep its first command is not started.
 */
export async function openStore(path: string, epoch: number, { looksOn = false, maxBytes }: StoreOptions = {}): Promise<Store> {
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
    // What savepoints may need to roll back. In a file it is written for nothing by each batch beyond a few pages.
    writing.pragma('temp_store = MEMORY');
    if (maxBytes !== undefined) writing.pragma(`max_page_count = ${Math.floor(maxBytes / PAGE_BYTES)}`);
    await migrate(new Kysely<unknown>({ dialect: new SqliteDialect({ database: writing }) }));
    checkSchema(writing);
    const meta = metaOf(writing);
    if (!looksOn) tryToWrite(meta);
    const reading = open({ readonly: true });
    for (const database of [writing, reading]) database.pragma(`cache_size = -${CACHE_KIB}`);
    // One that looks on writes nothing, and sees what another process has committed meanwhile.
    const snapshot = looksOn ? undefined : new Snapshot(writing, reading);
    const connection = () => snapshot?.connection() ?? reading;
    return {
      writer: writerOf(writing, meta, snapshot),
      view: sqliteView(connection),
      events: eventLogOf(connection, meta, epoch, snapshot),
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

/** A page more is written, and synced. */
function tryToWrite(meta: Meta): void {
  meta.set('last_time', meta.get('last_time'));
}

interface Meta {
  get(key: string): number;
  set(key: string, value: number): void;
  text(key: string): string | undefined;
  setText(key: string, value: string): void;
}

function metaOf(database: Database.Database): Meta {
  const read = database.prepare<[string], { value: string }>('select value from meta where key = ?');
  const write = database.prepare<[string, string]>(
    'insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value',
  );
  return {
    get: (key) => Number(read.get(key)?.value ?? 0),
    set: (key, value) => void write.run(key, String(value)),
    text: (key) => read.get(key)?.value,
    setText: (key, value) => void write.run(key, value),
  };
}

function writerOf(database: Database.Database, meta: Meta, snapshot: Snapshot | undefined): Writer {
  const puts = new Map<TableName, (row: object) => void>();
  const removes = new Map<TableName, (id: string) => void>();
  for (const table of Object.keys(TABLES) as TableName[]) {
    const remove = database.prepare<[string]>(`delete from ${snake(table)} where id = ?`);
    puts.set(table, rowWriter(database, table));
    removes.set(table, (id) => void remove.run(id));
  }
  const emptyQueue = database.prepare<[string]>('delete from queue where session_id = ?');
  const copyMessages = messageCopies(database);
  const audit = auditInsert(database);
  const prune = pruning(database);
  const pruneAudit = auditPruning(database);
  const count = database.prepare<[string], { count: number }>(
    'insert into session_event_counts (session_id, count) values (?, 1) on conflict (session_id) do update set count = count + 1 returning count',
  );
  const eventColumns = columnsOf(EVENTS);
  const insertEvent = database.prepare<SqlValue[]>(`insert into events (${namesOf(eventColumns)}) values (${placesFor(eventColumns)})`);
  // The library rolls back only what is still there: SQLITE_FULL, IOERR and NOMEM roll back everything by themselves.
  const nested = database.transaction((work: () => unknown) => work());

  return {
    view: sqliteView(() => database),
    transaction<T>(work: () => T): T {
      const write = () => nested.immediate(work) as T;
      try {
        return snapshot === undefined ? write() : snapshot.write(write);
      } catch (error) {
        throw isStoreFault(error) ? new TransactionLost(error, database.name) : error;
      }
    },
    savepoint<T>(work: () => T): T {
      if (!database.inTransaction) throw new TransactionLost(new Error('there is no transaction'), database.name);
      try {
        return nested(work) as T;
      } catch (error) {
        if (!database.inTransaction || isStoreFault(error)) throw new TransactionLost(error, database.name);
        throw error;
      }
    },
    apply(mutation) {
      switch (mutation.kind) {
        case 'put':
          puts.get(mutation.table)?.(mutation.row);
          return;
        case 'remove':
          removes.get(mutation.table)?.(mutation.id);
          return;
        case 'dequeue':
          removes.get('queue')?.(mutation.row.id);
          return;
        case 'empty-queue':
          emptyQueue.run(mutation.sessionId);
          return;
        case 'copy-messages':
          copyMessages(mutation);
          return;
        case 'audit':
          audit(mutation.record);
          return;
        case 'prune-audit':
          pruneAudit(mutation.part, mutation.upTo, mutation.limit);
          return;
        case 'prune':
          prune(mutation);
          return;
        default:
          return mutation satisfies never;
      }
    },
    record(event, number, at) {
      const sessionNumber = event.sessionId === null ? null : (count.get(event.sessionId)?.count ?? null);
      const stored = { ...event, number, sessionNumber, at };
      insertEvent.run(...toSql(eventColumns, stored));
      return stored;
    },
    lastEventNumber: () => newestEvent(database),
    lastTime: () => meta.get('last_time'),
    keepLastTime: (at) => meta.set('last_time', at),
    keptTime: () => keptTimeIn(meta.text('time')),
    keepTime: (kept) => meta.setText('time', JSON.stringify(kept)),
  };
}

const newestEvent = (database: Database.Database): number =>
  database.prepare<[], { number: number | null }>('select max(number) as number from events').get()?.number ?? 0;

/** Reads on a connection of this thread. */
function readHere(connection: () => Database.Database): ReadQueries {
  const statements = statementsOf<SqlRow>();
  return async (queries) => queries.map(({ sql, parameters }) => statements(connection(), sql).all(...parameters));
}

/** Each statement is compiled once for each connection. */
function statementsOf<Row>() {
  const known = new Map<Database.Database, Map<string, Database.Statement<unknown[], Row>>>();
  return (database: Database.Database, sql: string): Database.Statement<unknown[], Row> => {
    const ofDatabase = known.get(database) ?? new Map<string, Database.Statement<unknown[], Row>>();
    known.set(database, ofDatabase);
    const statement = ofDatabase.get(sql) ?? database.prepare<unknown[], Row>(sql);
    ofDatabase.set(sql, statement);
    return statement;
  };
}

function eventLogOf(connection: () => Database.Database, meta: Meta, epoch: number, snapshot: Snapshot | undefined): EventLog {
  const numbers = statementsOf<{ number: number | null }>();
  const newest = () => numbers(connection(), 'select max(number) as number from events').get();
  const oldest = () => numbers(connection(), 'select min(number) as number from events').get();
  const read = readHere(connection);
  return {
    epoch,
    newest: () => newest()?.number ?? 0,
    oldest: () => oldest()?.number ?? 1,
    after: (number, bounds, session) => readEventPage(read, number, bounds, session),
    published: () => meta.get('published'),
    async markPublished(number) {
      const mark = () => meta.set('published', number);
      if (snapshot === undefined) mark();
      else snapshot.write(mark);
    },
  };
}
