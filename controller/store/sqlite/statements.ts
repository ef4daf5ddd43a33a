import type Database from 'better-sqlite3';

/**
 * Compiles each statement once per connection, as `write` derives it from its text. Texts are
 * literals, so lookups build no strings.
 *
 * Their limits are `limit +?`: SQLite plans for the value of a plain `limit ?`, so it would compile
 * the statement again at each run.
 */
export function statements<Row>(write: (text: string) => string = (text) => text) {
  const compiled = new Map<Database.Database, Map<string, Database.Statement<unknown[], Row>>>();
  return (database: Database.Database, text: string): Database.Statement<unknown[], Row> => {
    const known = compiled.get(database) ?? new Map<string, Database.Statement<unknown[], Row>>();
    compiled.set(database, known);
    const statement = known.get(text) ?? database.prepare<unknown[], Row>(write(text));
    known.set(text, statement);
    return statement;
  };
}
