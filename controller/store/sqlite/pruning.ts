import type Database from 'better-sqlite3';
import type { Mutation } from '../../domain/engine/mutation.ts';
import { hasUnscanned, KEEP_SCANNED, nextScanned, type OverdueQuery, overdueEvents, overdueOfSpace } from './event-pruning.ts';
import { statements } from './statements.ts';

export type Prune = Extract<Mutation, { kind: 'prune' }>;

interface History {
  readonly table: string;
  readonly time: string;
  /** Which of the rows past their age can be removed. */
  readonly only?: string;
}

const HISTORIES: Readonly<Record<Exclude<Prune['table'], 'events'>, History>> = {
  idempotency: { table: 'idempotency', time: 'created_at' },
  nodeTokens: { table: 'node_tokens', time: 'created_at' },
  revokedTokens: { table: 'revoked_tokens', time: 'expires_at' },
  sessions: {
    table: 'sessions',
    time: 'terminated_at',
    only: `desired = 'deleted' and id not in (select id from tombstones) and id not in (select id from backlog)`,
  },
};

/** Selects the oldest rows past their retention, by an index. For a space, whether there can be any. */
export function overdueQuery({ table, before, spaceId }: Pick<Prune, 'table' | 'before' | 'spaceId'>, limit: number): OverdueQuery {
  if (table === 'events') return spaceId === undefined ? overdueEvents(before, limit) : hasUnscanned(spaceId, before);
  const { table: name, time, only = 'true' } = HISTORIES[table];
  return {
    sql: `select id as key, 0 as bytes from ${name} where ${time} < ? and ${only} order by ${time} limit +?`,
    parameters: [before, limit],
  };
}

/** Bytes that one prune removes at most, except for a first row that is larger. */
const MAX_BYTES = 4 * 1024 * 1024;

interface Overdue {
  readonly key: string | number;
  readonly bytes: number;
}

/** Removes the oldest rows of a table of history, within the bounds of one commit. */
export function pruning(database: Database.Database): (prune: Prune) => void {
  const queries = statements<Overdue>();
  const select = ({ sql, parameters }: OverdueQuery) => queries(database, sql).all(...parameters);
  const removeEvent = database.prepare<[string | number]>('delete from events where number = ?');
  const removes = new Map<Prune['table'], Database.Statement<[string | number]>>([['events', removeEvent]]);
  for (const [table, { table: name }] of Object.entries(HISTORIES) as [Prune['table'], History][])
    removes.set(table, database.prepare(`delete from ${name} where id = ?`));
  // Meaningless without its session.
  const removeCount = database.prepare<[string | number]>('delete from session_event_counts where session_id = ?');
  const keepScanned = database.prepare<[string, number]>(KEEP_SCANNED);

  /** Returns the rows that fit in one commit. */
  const bounded = (rows: readonly Overdue[]): readonly Overdue[] => {
    let left = MAX_BYTES;
    const end = rows.findIndex(({ bytes }) => {
      const isFull = left <= 0;
      left -= bytes;
      return isFull;
    });
    return end < 0 ? rows : rows.slice(0, end);
  };

  function pruneSpace({ before, limit, spaceId }: Prune & { readonly spaceId: NonNullable<Prune['spaceId']> }): void {
    const upTo = Number(select(nextScanned(spaceId, before))[0]?.key ?? 0);
    const found = select(overdueOfSpace(spaceId, before, upTo, limit));
    const rows = bounded(found);
    for (const { key } of rows) removeEvent.run(key);
    const isAll = rows.length === found.length && found.length < limit;
    keepScanned.run(spaceId, isAll ? upTo : Number(rows.at(-1)?.key ?? upTo));
  }

  return (prune) => {
    const { table, spaceId, limit } = prune;
    if (table === 'events' && spaceId !== undefined) return pruneSpace({ ...prune, spaceId });
    for (const { key } of bounded(select(overdueQuery(prune, limit)))) {
      removes.get(table)?.run(key);
      if (table === 'sessions') removeCount.run(key);
    }
  };
}
