import type Database from 'better-sqlite3';
import type { EventLog } from '../../domain/events/event-log.ts';
import type { SqlRow } from './columns.ts';
import type { Meta } from './meta.ts';
import { type ReadQueries, readEventPage } from './reader/event-pages.ts';
import type { Snapshot } from './snapshot.ts';
import { statements } from './statements.ts';

export interface EventLogParts {
  connection(): Database.Database;
  readonly writing: Database.Database;
  /** How `writing` syncs its commits. */
  readonly level: 'FULL' | 'NORMAL';
  readonly meta: Meta;
  readonly epoch: number;
  readonly snapshot: Snapshot | undefined;
}

/** Returns an event log that reads its pages on this thread. */
export function eventLogOf({ connection, writing, level, meta, epoch, snapshot }: EventLogParts): EventLog {
  const numbers = statements<{ number: number | null }>();
  const newest = () => numbers(connection(), 'select max(number) as number from events').get();
  const oldest = () => numbers(connection(), 'select min(number) as number from events').get();
  const pages = statements<SqlRow>();
  const read: ReadQueries = async (queries) => queries.map(({ sql, parameters }) => pages(connection(), sql).all(...parameters));
  return {
    epoch,
    newest: () => newest()?.number ?? 0,
    oldest: () => oldest()?.number ?? 1,
    after: (number, bounds, session) => readEventPage(read, number, bounds, session),
    published: () => meta.get('published'),
    async markPublished(number) {
      // Not synced, so that no request waits for the disk: a lost mark only repeats what subscribers
      // drop, and the next commit syncs it.
      const mark = () => {
        writing.pragma('synchronous = NORMAL');
        try {
          meta.set('published', number);
        } finally {
          writing.pragma(`synchronous = ${level}`);
        }
      };
      if (snapshot === undefined) mark();
      else snapshot.write(mark);
    },
  };
}
