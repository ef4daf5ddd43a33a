/** Database operations of a backup, while a controller can be running. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { byOperator, recordOf } from '../../domain/audit/audit.ts';
import { auditInsert } from './audit.ts';
import { migrate, type Steps, stepsOf } from './migrations/migrations.ts';

const ALL_PAGES = 0x7fffffff;

/**
 * Copies the database to a file, consistent as of one commit, while others use it. Takes all pages
 * in one step within one read transaction, so nobody waits. Throws if the copy is damaged.
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
    // A single file, without a separate write-ahead log.
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
  const result = database.pragma('integrity_check', { simple: true });
  if (result !== 'ok') throw new Error(`${path} is damaged: ${String(result)}`);
}

/** Returns which migrations the database at `path` has; none if it does not exist. */
export function stepsIn(path: string): Steps {
  if (!existsSync(path)) return { done: [], pending: [], unknown: [] };
  // Not read-only: after a crash, the write-ahead log may need recovery.
  const database = new Database(path, { fileMustExist: true });
  try {
    return stepsOf(database);
  } finally {
    database.close();
  }
}

/** Returns whether another process has the database open. */
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
 * Starts a new epoch of a restored database. `epoch` is at least the Unix time in seconds, and
 * greater than every earlier one.
 * 1. Generations and message numbers continue from its milliseconds, above everything that nodes
 *    and guests got after the backup. No assignment looks old, no tombstone covers it, and no new
 *    message looks like a known one.
 * 2. All unanswered messages are sent again, and guests report what became of them.
 * 3. Every session is expected to have a volume: one deleted after the backup fails, and is not
 *    created again.
 * 4. The generation in the backup is stored, to detect what the node did with the session since.
 * 5. Versions of secrets increase, so that guests refresh those of another epoch.
 * 6. Every older token becomes invalid, since it can have been revoked after the backup, or, if it
 *    is a join token, used. API keys are those of the backup.
 * 7. Absence of nodes is counted from the next time they miss.
 * 8. Slots are forgotten, because sessions of the time after the backup can have taken them.
 */
export async function beginEpoch(path: string, epoch: number): Promise<void> {
  const database = new Database(path, { fileMustExist: true });
  try {
    check(database, path);
    database.pragma('synchronous = FULL');
    await migrate(database);
    // In milliseconds: no counter of one epoch grows fast enough to reach the next.
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
      database.prepare<[number]>('update node_tokens set revoked_at = ? where revoked_at is null').run(first);
      // Sessions can have taken them since the backup. Nodes tell those that nobody took.
      database.prepare('delete from slots').run();
      // Who made a port public can have ended that since the backup.
      database.prepare('delete from port_shares').run();
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
