import type Database from 'better-sqlite3';
import type { Mutation } from '../../domain/engine/mutation.ts';

export type Prune = Extract<Mutation, { kind: 'prune' }>;

interface History {
  readonly table: string;
  readonly key: string;
  readonly time: string;
  /** Which of the rows past their age can be removed. */
  readonly only: string;
  /** Bytes beyond a usual row; SQLite reads them from the row's header. */
  readonly bytes: string;
}

const USUAL = { key: 'id', only: 'true', bytes: '0' };
const history = (table: string, time: string, more: Partial<History> = {}): History => ({ ...USUAL, table, time, ...more });

const HISTORIES: Readonly<Record<Prune['table'], History>> = {
  // The newest event always stays, because numbering continues from it.
  events: history('events', 'at', { key: 'number', only: 'number < (select max(number) from events)', bytes: 'octet_length(data)' }),
  idempotency: history('idempotency', 'created_at'),
  nodeTokens: history('node_tokens', 'created_at'),
  revokedTokens: history('revoked_tokens', 'expires_at'),
  sessions: history('sessions', 'terminated_at', {
    only: `desired = 'deleted' and id not in (select id from tombstones) and id not in (select id from backlog)`,
  }),
};

/** Selects the oldest rows past their retention, by an index. */
export function overdueSql(table: Prune['table'], ofSpace: boolean): string {
  const { table: name, key, time, only, bytes } = HISTORIES[table];
  const space = ofSpace ? 'space_id = ? and ' : '';
  return `select ${key} as key, ${bytes} as bytes from ${name} where ${space}${time} < ? and ${only} order by ${time} limit +?`;
}

/** Bytes that one prune removes at most, except for a first row that is larger. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Removes the oldest rows of a table of history, within the bounds of one commit. */
export function pruning(database: Database.Database): (prune: Prune) => void {
  const overdue = new Map<string, Database.Statement<(string | number)[], { key: string | number; bytes: number }>>();
  const removes = new Map<Prune['table'], Database.Statement<[string | number]>>();
  for (const [table, { table: name, key }] of Object.entries(HISTORIES) as [Prune['table'], History][])
    removes.set(table, database.prepare(`delete from ${name} where ${key} = ?`));
  // Meaningless without its session.
  const removeCount = database.prepare<[string | number]>('delete from session_event_counts where session_id = ?');

  return ({ table, before, limit, spaceId }) => {
    const text = overdueSql(table, spaceId !== undefined);
    const statement = overdue.get(text) ?? database.prepare(text);
    overdue.set(text, statement);
    let left = MAX_BYTES;
    for (const { key, bytes } of statement.all(...(spaceId === undefined ? [] : [spaceId]), before, limit)) {
      if (left <= 0) return;
      left -= bytes;
      removes.get(table)?.run(key);
      if (table === 'sessions') removeCount.run(key);
    }
  };
}
