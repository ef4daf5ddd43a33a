import type Database from 'better-sqlite3';
import { TABLES, type TableName, type Tables } from '../../../domain/engine/mutation.ts';
import { rowIn, type SqlRow, type SqlValue, selection, snake } from '../columns.ts';
import { statements } from '../statements.ts';

/** Queries on a connection. */
export interface Reads {
  /** Returns rows of a table. `rest` is the part of the statement after `from TABLE`. */
  all<Name extends TableName>(table: Name, rest: string, ...parameters: SqlValue[]): Tables[Name][];
  one<Name extends TableName>(table: Name, rest: string, ...parameters: SqlValue[]): Tables[Name] | undefined;
  /** Runs a whole statement, for queries that do not return whole rows. */
  rows<Row>(sql: string, ...parameters: SqlValue[]): Row[];
  row<Row>(sql: string, ...parameters: SqlValue[]): Row | undefined;
  each<Row>(sql: string, ...parameters: SqlValue[]): Iterable<Row>;
}

/** Asks `connection` before each read for the connection to use. */
export function readsOf(connection: () => Database.Database): Reads {
  const ofTables = new Map(
    (Object.keys(TABLES) as TableName[]).map((table) => {
      const select = `select ${selection(TABLES[table])} from ${snake(table)}`;
      return [table, statements<SqlRow>((rest) => `${select} ${rest}`)] as const;
    }),
  );
  const whole = statements<unknown>();
  const ofTable = (table: TableName, rest: string) => {
    const statement = ofTables.get(table);
    if (statement === undefined) throw new Error(`unknown table ${table}`);
    return statement(connection(), rest);
  };
  const own = <Row>(sql: string) => whole(connection(), sql) as Database.Statement<unknown[], Row>;
  return {
    all: (table, rest, ...parameters) =>
      ofTable(table, rest)
        .all(...parameters)
        .map((row) => rowIn(table, row)),
    one(table, rest, ...parameters) {
      const row = ofTable(table, rest).get(...parameters);
      return row === undefined ? undefined : rowIn(table, row);
    },
    rows: <Row>(sql: string, ...parameters: SqlValue[]) => own<Row>(sql).all(...parameters),
    row: <Row>(sql: string, ...parameters: SqlValue[]) => own<Row>(sql).get(...parameters),
    each: <Row>(sql: string, ...parameters: SqlValue[]) => own<Row>(sql).iterate(...parameters),
  };
}
