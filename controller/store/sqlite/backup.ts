/** What a backup needs of the database, beside a controller that may be running on it. */
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { byOperator, recordOf } from '../../domain/audit/audit.ts';
import { auditInsert } from './audit.ts';
import { migrate } from './migrations/migrations.ts';

const ALL_PAGES = 0x7fffffff;

/**
 * A consistent copy of the database as of one commit, in a file of its own, while others read and write it. Nobody waits
 * for it: all pages are taken in one step, within one read transaction. Throws when the copy is not whole.
 */
export async function copyDatabase(
  from: string,
  to: string,
): Promise<{ readonly sessions: number; readonly sealingKeyIds: readonly string[] }> {
  const source = new Database(from, { readonly: true, fileMustExist: true });
  try {
    await source.backup(to, { progress: () => ALL_PAGES });
  } finally {
    source.close();
  }
  const copy = new Database(to);
  try {
    // One file, and none beside it.
    copy.pragma('journal_mode = DELETE');
    check(copy, to);
    const live = copy.prepare<[], { count: number }>(`select count(*) as count from sessions where desired <> 'deleted'`).get();
    const keys = copy.prepare<[], { id: string }>('select distinct key_id as id from secrets').all();
    return { sessions: live?.count ?? 0, sealingKeyIds: keys.map(({ id }) => id) };
  } finally {
    copy.close();
  }
}

function check(database: Database.Database, path: string): void {
  const said = database.pragma('integrity_check', { simple: true });
  if (said !== 'ok') throw new Error(`${path} is damaged: ${String(said)}`);
}

/** Whether another process holds the database open. */
export function isInUse(path: string): boolean {
  const database = new Database(path, { timeout: 0 });
  try {
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('begin exclusive; rollback');
    return false;
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')) return true;
    throw error;
  } finally {
    database.close();
  }
}

/**
 * Begins a new life of a restored database. `epoch` is a Unix time in seconds, or more, and the greatest ever:
 *
 * 1. Generations and message numbers go on from its milliseconds. Whatever nodes and guests were told after the backup is below that, so no
 *    assignment is taken for an old one, no tombstone covers it, and no new message passes for one that was held before.
 * 2. Which messages the guests hold is not known any more: all that have no answer here are sent again, and their guests say
 *    what became of them.
 * 3. Every session is expected to have a volume: one that was deleted after the backup fails, and is not made anew.
 * 4. What a session was when the backup was taken is kept, so that what its node did with it since can be told from that.
 * 5. The same for the versions of secrets: what guests hold of another life of the store is old to them.
 * 6. Every token of before is ended: what was revoked after the backup must not be good again. API keys are those of the backup.
 * 7. The absence of nodes is counted from when they next fail to come.
 */
export async function beginEpoch(path: string, epoch: number): Promise<void> {
  const database = new Database(path, { fileMustExist: true });
  try {
    check(database, path);
    database.pragma('synchronous = FULL');
    await migrate(new Kysely<unknown>({ dialect: new SqliteDialect({ database }) }));
    // In milliseconds: nothing changes, or is sent messages, so often that what it counted in one life reaches the next.
    const first = epoch * 1000;
    database.transaction(() => {
      const live = `desired <> 'deleted'`;
      database
        .prepare<[number, number, number]>(
          `update sessions set restored_from = generation, generation = max(generation + 1, ?), last_seq = max(last_seq, ?), epoch_seq = max(last_seq, ?),
             has_run = 1, outstanding = 0 where ${live}`,
        )
        .run(first, first, first);
      database.prepare('update queue set accepted_at = null').run();
      database.prepare<[number]>('update spaces set secrets_version = max(secrets_version + 1, ?)').run(first);
      database.prepare<[number]>('update accounts set version = max(version + 1, ?)').run(first);
      database.prepare('update nodes set unreachable_since = null').run();
      const newest = database.prepare<[], { at: number | null }>('select max(at) as at from audit').get()?.at ?? 0;
      const by = byOperator('restore', { kind: 'controller', ref: null, space: null });
      auditInsert(database)(recordOf(by, 'ok', Math.max(first, newest)));
    })();
    database.pragma('journal_mode = DELETE');
  } finally {
    database.close();
  }
}
