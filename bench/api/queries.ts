/** Times the queries of a list, page and total, as the API runs them but without the API. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sqlLists } from '../../controller/store/sqlite/lists/sql-lists.ts';

export class Queries {
  readonly #database: Database.Database;

  constructor(directory: string) {
    this.#database = new Database(join(directory, 'raworc.db'), { readonly: true });
  }

  /** Returns the milliseconds of the statements that list all sessions, for each repetition. */
  async timesMs(times: number): Promise<number[]> {
    const found: number[] = [];
    let spent = 0;
    const statements = new Map<string, Database.Statement<unknown[], never>>();
    const lists = sqlLists({
      read: async (queries) => {
        for (const { sql } of queries) if (!statements.has(sql)) statements.set(sql, this.#database.prepare<unknown[], never>(sql));
        const start = performance.now();
        const rows = queries.map(({ sql, parameters }) => statements.get(sql)?.all(...parameters) ?? []);
        spent += performance.now() - start;
        return rows;
      },
    });
    for (let time = 0; time < times; time += 1) {
      spent = 0;
      const { items } = await lists.sessions({ visible: 'all' }, { limit: 100, offset: 0 });
      await lists.sessionRows(items, 'desc');
      found.push(spent);
    }
    return found;
  }

  close(): void {
    this.#database.close();
  }
}
