/** The lists of a store, with the plan of each statement that they read it by. */
import Database from 'better-sqlite3';
import { TABLES } from '../../../../controller/domain/engine/mutation.ts';
import type { Lists } from '../../../../controller/services/engine/lists.ts';
import { type SqlRow, snake } from '../../../../controller/store/sqlite/columns.ts';
import { sqlLists } from '../../../../controller/store/sqlite/lists/sql-lists.ts';

export interface Step {
  readonly parent: number;
  readonly detail: string;
}
export interface Read {
  readonly sql: string;
  readonly steps: readonly Step[];
}
export interface WatchedLists {
  readonly lists: Lists;
  /** What was read since this was last asked. */
  taken(): readonly Read[];
  close(): void;
}

/** How much of an index may be gone through: what is equal to something, all of it, or all of it with a look at each row. */
export type Extent = 'part' | 'whole' | 'sifted';

export function watchedLists(path: string): WatchedLists {
  const database = new Database(path, { readonly: true });
  const reads: Read[] = [];
  const lists = sqlLists({
    async read(queries) {
      return queries.map(({ sql, parameters }) => {
        reads.push({ sql, steps: database.prepare<unknown[], Step>(`explain query plan ${sql}`).all(...parameters) });
        return database.prepare<unknown[], SqlRow>(sql).all(...parameters);
      });
    },
  });
  return { lists, taken: () => reads.splice(0), close: () => database.close() };
}

const LISTED: ReadonlySet<string> = new Set([...Object.keys(TABLES).map(snake), 'session_metadata', 'audit']);

/** The table that a step reads; undefined where it reads what other steps made, or nothing. */
export function tableOf({ detail }: Step): string | undefined {
  const name = /^(?:SCAN|SEARCH) (\w+)/.exec(detail)?.[1];
  return name !== undefined && LISTED.has(name) ? name : undefined;
}

export const KEY = 'its key';

/** The index that a step reads its table by. */
const indexOf = ({ detail }: Step): string | undefined => / USING (?:COVERING )?INDEX (\w+)/.exec(detail)?.[1];

/**
 * The indexes, or the key, that rows were found by: that those of a page are then fetched by their key is no finding, nor is a look into the
 * queue of each.
 */
export function foundBy({ steps }: Read): readonly string[] {
  const all = steps.filter((step) => tableOf(step) !== undefined && tableOf(step) !== 'queue').map((step) => indexOf(step) ?? KEY);
  const indexes = all.filter((index) => index !== KEY);
  return indexes.length > 0 ? indexes : [...new Set(all)];
}

export const isCount = ({ sql }: Read): boolean => /count\(\*\)/.test(sql);

/**
 * What a plan does that grows with the table and not with what is asked for: a table is found by an index or its key, is counted without
 * a look at its rows, and nothing is sorted but what was found by its key, or was cut to the page's reach before. (By their key are also found:
 * sessions whose ids begin alike, and those that say the same in their metadata.)
 */
export function faultsOf(read: Read, extent: Extent): readonly string[] {
  const { steps } = read;
  return steps.flatMap((step) => {
    const { detail } = step;
    if (/AUTOMATIC/.test(detail)) return [`${detail}: an index made for this once`];
    if (/^SCAN/.test(detail) && tableOf(step) !== undefined) {
      if (indexOf(step) === undefined) return [`${detail}: the whole table`];
      if (extent === 'part') return [`${detail}: a whole index`];
      return isCount(read) && extent === 'whole' && !/ COVERING /.test(detail) ? [`${detail}: each row, to count them`] : [];
    }
    if (!/^USE TEMP B-TREE FOR .*ORDER BY/.test(detail)) return [];
    const sorted = steps.filter((other) => other.parent === step.parent && tableOf(other) !== undefined);
    return sorted
      .filter((other) => !/ USING PRIMARY KEY \((id=\?|id>\? AND id<\?|key=\?.*)\)$/.test(other.detail))
      .map((other) => `${detail}: of ${other.detail}`);
  });
}
