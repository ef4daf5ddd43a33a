import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** A migration that runs these statements, in their order. */
export const steps = (...statements: readonly string[]): Migration => ({
  async up(db) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
});
