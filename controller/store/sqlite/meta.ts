import type Database from 'better-sqlite3';

/** Single values in the store, by name. */
export interface Meta {
  /** Returns 0 if it was never set. */
  get(key: string): number;
  set(key: string, value: number): void;
  text(key: string): string | undefined;
  setText(key: string, value: string): void;
}

export function metaOf(database: Database.Database): Meta {
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
