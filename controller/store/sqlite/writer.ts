import type Database from 'better-sqlite3';
import { type Mutation, TABLES, type TableName } from '../../domain/engine/mutation.ts';
import { EVENTS } from '../../domain/events/events.ts';
import type { Writer } from '../../services/engine/store.ts';
import { isStoreFault, TransactionLost, UNANSWERED } from '../../services/engine/transaction-lost.ts';
import { auditInsert, auditPruning } from './audit.ts';
import { columnsOf, namesOf, placesFor, type SqlValue, snake, toSql } from './columns.ts';
import { OF_SESSION } from './events-of-session.ts';
import { keptTimeIn } from './kept-time.ts';
import { messageCopies } from './message-copies.ts';
import type { Meta } from './meta.ts';
import { pruning } from './pruning.ts';
import { rowWriter } from './row-writer.ts';
import type { Snapshot } from './snapshot.ts';
import type { Syncer } from './syncs/syncer.ts';
import type { KeptRows } from './views/kept-rows.ts';
import { sqliteView } from './views/sqlite-view.ts';

/** Sessions whose newest event number is kept in memory. */
const MAX_RECORDED = 10_000;

export interface WriterParts {
  /** The only connection that writes. */
  readonly database: Database.Database;
  readonly meta: Meta;
  /** What readers of this thread see. */
  readonly snapshot: Snapshot | undefined;
  /** Without it, commits sync. */
  readonly syncer: Syncer | undefined;
  /** Undefined while another store writes to the database. */
  readonly kept: KeptRows | undefined;
}

export function writerOf({ database, meta, snapshot, syncer, kept }: WriterParts): Writer {
  const puts = new Map<TableName, (row: object) => void>();
  const removes = new Map<TableName, (id: string) => void>();
  for (const table of Object.keys(TABLES) as TableName[]) {
    puts.set(table, rowWriter(database, table));
    // Only `dequeue` removes from the queue.
    if (table === 'queue') continue;
    const remove = database.prepare<[string]>(`delete from ${snake(table)} where id = ?`);
    removes.set(table, (id) => void remove.run(id));
  }
  const dequeue = database.prepare<[string, number]>('delete from queue where session_id = ? and seq = ?');
  const emptyQueue = database.prepare<[string]>('delete from queue where session_id = ?');
  const copyMessages = messageCopies(database);
  const audit = auditInsert(database);
  const prune = pruning(database);
  const pruneAudit = auditPruning(database);
  // The events of a session count it, and a row of its own once none of them is left.
  const newestOfSession = database.prepare<[string, string, string], { number: number | null }>(
    `select coalesce((select session_number from events where ${OF_SESSION} order by number desc limit 1),
       (select count from session_event_counts where session_id = ?), 0) as number`,
  );
  /** The newest numbers of sessions that have had events, until something is rolled back. */
  const recorded = new Map<string, number>();
  const show = () => {
    snapshot?.show();
    kept?.show();
  };
  const nextOfSession = (id: string): number => {
    const next = (recorded.get(id) ?? newestOfSession.get(id, id, id)?.number ?? 0) + 1;
    if (recorded.size >= MAX_RECORDED) recorded.clear();
    recorded.set(id, next);
    return next;
  };
  const eventColumns = columnsOf(EVENTS);
  const insertEvent = database.prepare<SqlValue[]>(`insert into events (${namesOf(eventColumns)}) values (${placesFor(eventColumns)})`);
  // The library rolls back only a transaction that is still live: on SQLITE_FULL, IOERR and NOMEM,
  // SQLite has already rolled back.
  const nested = database.transaction((work: () => unknown) => work());

  let syncs = 0;
  /** The last transaction is left to `sync`. */
  let isAhead = false;
  const syncHere = () => {
    try {
      syncer?.syncNow();
    } catch (error) {
      throw new TransactionLost(error, database.name, UNANSWERED);
    }
  };

  const change = (mutation: Mutation): void => {
    switch (mutation.kind) {
      case 'put':
        puts.get(mutation.table)?.(mutation.row);
        return;
      case 'remove':
        removes.get(mutation.table)?.(mutation.id);
        return;
      case 'dequeue':
        dequeue.run(mutation.row.sessionId, mutation.row.seq);
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
  };

  return {
    view: sqliteView(() => database, kept?.forWriter),
    transaction<T>(work: () => T): T {
      isAhead = syncer?.isApart === true && snapshot !== undefined;
      const write = () => {
        const result = nested.immediate(work) as T;
        // Before anybody can read it.
        if (!isAhead) syncHere();
        return result;
      };
      try {
        if (snapshot === undefined) return write();
        if (isAhead) return snapshot.writeAhead(write);
        const result = snapshot.write(write);
        kept?.show();
        return result;
      } catch (error) {
        recorded.clear();
        kept?.drop();
        if (error instanceof TransactionLost || !isStoreFault(error)) throw error;
        throw new TransactionLost(error, database.name);
      }
    },
    savepoint<T>(work: () => T): T {
      if (!database.inTransaction) throw new TransactionLost(new Error('there is no transaction'), database.name);
      try {
        return nested(work) as T;
      } catch (error) {
        recorded.clear();
        kept?.undo();
        if (!database.inTransaction || isStoreFault(error)) throw new TransactionLost(error, database.name);
        throw error;
      }
    },
    sync() {
      if (syncer === undefined || !isAhead) return undefined;
      syncs += 1;
      const mine = syncs;
      return syncer.sync().then(
        () => {
          // Not after `syncNow`: the next transaction may have begun.
          if (mine === syncs) show();
        },
        (error) => {
          throw new TransactionLost(error, database.name, UNANSWERED);
        },
      );
    },
    syncNow() {
      if (syncer === undefined || !isAhead) return;
      syncs += 1;
      syncHere();
      show();
    },
    apply(mutation) {
      change(mutation);
      kept?.apply(mutation);
    },
    record(event, number, at) {
      const sessionNumber = event.sessionId === null ? null : nextOfSession(event.sessionId);
      const stored = { ...event, number, sessionNumber, at };
      insertEvent.run(...toSql(eventColumns, stored));
      return stored;
    },
    lastEventNumber: () => newestEvent(database),
    lastTime: () => Math.max(meta.get('last_time'), newestEventTime(database)),
    keepLastTime: (at) => meta.set('last_time', at),
    keptTime: () => keptTimeIn(meta.text('time')),
    keepTime: (kept) => meta.setText('time', JSON.stringify(kept)),
  };
}

const newestEvent = (database: Database.Database): number =>
  database.prepare<[], { number: number | null }>('select max(number) as number from events').get()?.number ?? 0;

const newestEventTime = (database: Database.Database): number =>
  database.prepare<[], { at: number }>('select at from events order by number desc limit 1').get()?.at ?? 0;
