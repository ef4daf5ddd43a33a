import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Normalizes names that were stored as sent to NFC, so that searches find them. */
export const normalizedNames: Migration = {
  async up(db: Kysely<unknown>) {
    for (const [table, column] of [
      ['sessions', 'name'],
      ['api_keys', 'name'],
      ['roles', 'rules'],
      ['bindings', 'principal'],
    ] as const) {
      const found = await sql<{ id: string; name: string }>`select id, ${sql.ref(column)} as name from ${sql.table(table)}
        where ${sql.ref(column)} glob ${'*[^ -~]*'}`.execute(db);
      for (const { id, name } of found.rows) {
        const composed = name.normalize('NFC');
        if (composed === name) continue;
        await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${composed} where id = ${id}`.execute(db);
      }
    }
  },
};
