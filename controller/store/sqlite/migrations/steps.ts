import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Returns a migration that runs these statements in order. */
export const steps = (...statements: readonly string[]): Migration => ({
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
});
