import type { Database } from 'better-sqlite3';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, Migrator } from 'kysely/migration';
import { sessionIndexes } from '../lists/session-metadata.ts';
import { auditTable, strangersOfAudit } from './audit.ts';
import {
  auditIndexedLater,
  historyInSessions,
  numberedEvents,
  otherAnswerIds,
  queueByOrder,
  sessionIndexesWithoutQueue,
  shortSessionKeys,
  sumsOfAllSpaces,
} from './fewer-writes.ts';
import { first } from './first.ts';
import { hops } from './hops.ts';
import { joinTokens } from './join-tokens.ts';
import { managedNodes } from './managed-nodes.ts';
import { normalizedNames } from './normalized-names.ts';
import { portShares } from './port-shares.ts';
import { queueStep } from './queue.ts';
import { sandboxes } from './sandboxes.ts';
import { slots } from './slots.ts';
import { steps } from './steps.ts';
import { moreStorageSums, storageSums } from './storage-sums.ts';

/** Must be written as in the queries, so that SQLite uses the partial indexes. */
const OPEN = `status in ('pending','building')`;

/**
 * The names are stored: never change or rename a released step. Steps run in the order of their
 * names, and gaps are harmless: no release has a step 0009 or 0013.
 */
const MIGRATIONS = {
  '0001-first': first,
  '0002-node-keys': steps('alter table nodes add column key_hash text', 'alter table nodes add column revoked_at integer'),
  '0003-queue': queueStep,
  // A session's events are read by their cluster-wide number, never by the number within the
  // session.
  '0004-events-of-session': steps('drop index events_session', 'create index events_session_number on events (session_id, number)'),
  '0005-retention': steps(
    'create index if not exists events_space on events (space_id, at)',
    `create index if not exists spaces_retention on spaces (id) where json_extract(settings, '$.retention') is not null`,
  ),
  '0006-session-indexes': sessionIndexes,
  '0007-normalized-names': normalizedNames,
  '0008-lives': steps('alter table sessions add column life text'),
  '0010-audit': auditTable,
  // Few sessions are copies that have not started.
  '0011-copies': steps('create index if not exists sessions_copies on sessions (copy_from) where copy_from is not null'),
  '0012-node-bounds': steps('alter table nodes add column bounds text'),
  // Few builds are assigned at once, even if many wait.
  '0014-assigned-builds': steps(
    `create index builds_assigned on builds (node_id, created_at) where ${OPEN} and node_id is not null`,
    `create index builds_waiting on builds (created_at) where ${OPEN} and node_id is null`,
    `create index builds_open_of_space on builds (space_id, created_at) where ${OPEN}`,
  ),
  '0015-storage': storageSums,
  '0016-more-storage': moreStorageSums,
  '0017-strangers-of-audit': strangersOfAudit,
  '0019-managed-nodes': managedNodes,
  '0020-images': steps(
    `create table images (
       id text not null primary key, repository text not null, digest text not null, pushed_at integer not null) strict, without rowid`,
  ),
  '0021-node-streams': steps(
    'alter table nodes add column address text',
    'alter table nodes add column last_boot integer not null default 0',
  ),
  '0022-constraints': steps(
    `alter table sessions add column constraints text not null default '[]'`,
    `alter table sessions add column preferences text not null default '[]'`,
  ),
  '0023-join-tokens': joinTokens,
  '0025-node-certificates': steps('alter table nodes add column certificate text'),
  '0026-condemned-images': steps(
    'create table condemned_images (id text not null primary key, condemned_at integer not null) strict, without rowid',
    'create index condemned_images_oldest on condemned_images (condemned_at, id)',
    'create index images_manifest on images (digest)',
    `create index sessions_image on sessions (image) where desired <> 'deleted'`,
    `create index builds_base on builds (base_image) where status <> 'failed'`,
  ),
  '0027-node-machines': steps('alter table nodes add column machine text'),
  // Found without reading old or failed builds, of which there can be very many.
  '0028-builds-in-use': steps(
    'drop index builds_base',
    `create index builds_open_base on builds (base_image) where ${OPEN}`,
    `create index builds_completed on builds (space_id, created_at) where status = 'completed'`,
    `create index builds_image on builds (image) where status = 'completed'`,
  ),
  '0029-node-platforms': steps('alter table nodes add column platform text'),
  '0031-cancelled-messages': steps(
    'alter table queue add column cancel_grace_ms integer',
    'create index queue_cancelled on queue (session_id, seq) where cancel_grace_ms is not null and agent is not null',
  ),
  '0034-hops': hops,
  '0035-build-stages': steps(`alter table builds add column stages text not null default '[]'`),
  '0040-session-indexes-without-queue': sessionIndexesWithoutQueue,
  '0041-queue-by-order': queueByOrder,
  '0042-other-answer-ids': otherAnswerIds,
  '0043-numbered-events': numberedEvents,
  '0050-audit-indexed-later': auditIndexedLater,
  '0051-short-session-keys': shortSessionKeys,
  '0052-history-in-sessions': historyInSessions,
  '0056-repositories': steps(
    'alter table agents add column source_directory text',
    'alter table agents add column source_secret text',
    'alter table agents add column source_commit text',
  ),
  '0057-sums-of-all-spaces': sumsOfAllSpaces,
  '0058-manifest-of-agents': steps('alter table agents add column manifest text'),
  '0060-sandboxes': sandboxes,
  '0064-profiles': steps(
    `alter table sessions add column profile text not null default 'locked'`,
    'alter table sessions add column image_name text',
    'alter table sessions add column isolation text',
  ),
  '0065-kept-awake': steps('alter table sessions add column kept_awake integer not null default 0'),
  '0066-port-shares': portShares,
  // Lists of sandboxes are of one space each: no query read it.
  '0067-sandboxes-by-space-alone': steps('drop index sandboxes_newest'),
  '0068-slots': slots,
};

/** Makes the migrator run all steps, and record them, in one transaction: a crash undoes both. */
class TransactionalDialect extends SqliteDialect {
  override createAdapter() {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl() {
    return true;
  }
}

/** Which steps a database has, and which it lacks. */
export interface Steps {
  readonly done: readonly string[];
  readonly pending: readonly string[];
  /** Steps of a newer release. */
  readonly unknown: readonly string[];
}

export function stepsOf(database: Database): Steps {
  const isNew = database.prepare(`select 1 from sqlite_schema where name = '${DEFAULT_MIGRATION_TABLE}'`).get() === undefined;
  const done = isNew ? [] : database.prepare<[], string>(`select name from ${DEFAULT_MIGRATION_TABLE} order by name`).pluck().all();
  return {
    done,
    pending: Object.keys(MIGRATIONS).filter((name) => !done.includes(name)),
    unknown: done.filter((name) => !Object.hasOwn(MIGRATIONS, name)),
  };
}

/**
 * Brings the schema up to date. Throws, and changes nothing, if a step fails or if a newer release
 * has changed the schema. An earlier `last` step makes a database of an older release, for tests.
 */
export async function migrate(database: Database, last?: keyof typeof MIGRATIONS): Promise<void> {
  const newest = stepsOf(database).unknown.at(-1);
  if (newest !== undefined)
    throw new Error(
      `A newer release of Raworc has changed the database ${database.name} (its step ${newest} is unknown here). Install that release again, or restore a backup of this release into an empty directory`,
    );
  const db = new Kysely<unknown>({ dialect: new TransactionalDialect({ database }) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await (last === undefined ? migrator.migrateToLatest() : migrator.migrateTo(last));
  if (error !== undefined) throw error;
}
