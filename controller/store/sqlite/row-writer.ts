import type Database from 'better-sqlite3';
import { TABLES, type TableName } from '../../domain/engine/mutation.ts';
import { columnsOf, namesOf, placesFor, type SqlValue, snake, toSql } from './columns.ts';

/**
 * Tables whose rows change often, but rarely in the columns of their indexes; with the columns that
 * only triggers and index conditions read.
 */
const CHANGED_OFTEN: Partial<Readonly<Record<TableName, readonly string[]>>> = { sessions: ['metadata', 'timeouts'] };

/** Tables whose key is not their id. */
const KEYS: Partial<Readonly<Record<TableName, readonly string[]>>> = { queue: ['session_id', 'seq'] };

/**
 * Returns a function that inserts or updates a row of a table. SQLite rewrites an index entry
 * whenever a statement sets one of its columns, even to the same value, so an update that does not
 * change the indexed columns does not set them.
 */
export function rowWriter(database: Database.Database, table: TableName): (row: object) => void {
  const columns = columnsOf(TABLES[table]);
  const key = KEYS[table] ?? ['id'];
  const updates = columns.filter(({ name }) => !key.includes(name)).map(({ name }) => `${name} = excluded.${name}`);
  const upsert = database.prepare<SqlValue[]>(
    `insert into ${snake(table)} (${namesOf(columns)}) values (${placesFor(columns)}) on conflict (${key.join(', ')}) do update set ${updates.join(', ')}`,
  );
  const watched = CHANGED_OFTEN[table];
  if (watched === undefined) return (row) => void upsert.run(...toSql(columns, row));

  const indexed = new Set(['id', ...watched, ...indexedColumns(database, table)]);
  const free = columns.filter(({ name }) => !indexed.has(name));
  const fixed = columns.filter(({ name }) => indexed.has(name));
  const update = database.prepare<SqlValue[]>(
    // The plus keeps the planner on the primary key.
    `update ${snake(table)} set ${free.map(({ name }) => `${name} = ?`).join(', ')} where ${fixed.map(({ name }) => (name === 'id' ? 'id = ?' : `+${name} is ?`)).join(' and ')}`,
  );
  return (row) => {
    const { changes } = update.run(...toSql(free, row), ...toSql(fixed, row));
    if (changes === 0) upsert.run(...toSql(columns, row));
  };
}

function indexedColumns(database: Database.Database, table: TableName): readonly string[] {
  return database
    .prepare<[string], { name: string }>(
      'select distinct x.name from pragma_index_list(?) l, pragma_index_xinfo(l.name) x where x.key and x.name is not null',
    )
    .all(snake(table))
    .map(({ name }) => name);
}
