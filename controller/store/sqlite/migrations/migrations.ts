import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { auditTable, strangersOfAudit } from '../audit.ts';
import { sessionIndexes } from '../lists/session-metadata.ts';
import { normalizedNames } from './normalized-names.ts';
import { queueStep } from './queue.ts';
import { moreStorageSums, storageSums } from './storage-sums.ts';

const first: Migration = {
  async up(db: Kysely<unknown>) {
    const table = (name: string) => db.schema.createTable(name).modifyEnd(sql`strict, without rowid`);
    const id = (name: string) => table(name).addColumn('id', 'text', (c) => c.primaryKey().notNull());

    await table('meta')
      .addColumn('key', 'text', (c) => c.primaryKey().notNull())
      .addColumn('value', 'text', (c) => c.notNull())
      .execute();

    await id('accounts')
      .addColumn('user', 'text', (c) => c.notNull().unique())
      .addColumn('password_hash', 'text', (c) => c.notNull())
      .addColumn('description', 'text')
      .addColumn('active', 'integer', (c) => c.notNull())
      .addColumn('version', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('updated_at', 'integer', (c) => c.notNull())
      .addColumn('last_login_at', 'integer')
      .execute();

    await db.schema.createIndex('accounts_created').on('accounts').columns(['created_at', 'id']).execute();

    await id('roles')
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('description', 'text')
      .addColumn('rules', 'text', (c) => c.notNull())
      .addColumn('built_in', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('roles_created').on('roles').columns(['created_at', 'id']).execute();

    await id('bindings')
      .addColumn('role_id', 'text', (c) => c.notNull())
      .addColumn('principal', 'text', (c) => c.notNull())
      .addColumn('principal_type', 'text', (c) => c.notNull())
      .addColumn('account_id', 'text')
      .addColumn('space_id', 'text')
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('updated_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('bindings_account').on('bindings').column('account_id').execute();
    await db.schema.createIndex('bindings_role').on('bindings').column('role_id').execute();
    await db.schema.createIndex('bindings_space').on('bindings').columns(['space_id', 'created_at', 'id']).execute();
    await db.schema.createIndex('bindings_created').on('bindings').columns(['created_at', 'id']).execute();

    await id('api_keys')
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('parent_id', 'text')
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('key_hash', 'text', (c) => c.notNull().unique())
      .addColumn('rules', 'text')
      .addColumn('expires_at', 'integer')
      .addColumn('last_used_at', 'integer')
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('api_keys_account').on('api_keys').columns(['account_id', 'created_at', 'id']).execute();

    await id('revoked_tokens')
      .addColumn('expires_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('revoked_tokens_expiry').on('revoked_tokens').column('expires_at').execute();

    await id('spaces')
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('description', 'text')
      .addColumn('settings', 'text', (c) => c.notNull())
      .addColumn('secrets_version', 'integer', (c) => c.notNull())
      .addColumn('active', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('updated_at', 'integer', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .execute();

    await db.schema.createIndex('spaces_created').on('spaces').columns(['created_at', 'id']).execute();
    await db.schema.createIndex('spaces_active').on('spaces').columns(['active', 'created_at', 'id']).execute();

    await id('secrets')
      .addColumn('space_id', 'text', (c) => c.notNull())
      .addColumn('key_name', 'text', (c) => c.notNull())
      .addColumn('description', 'text')
      .addColumn('sealed', 'text', (c) => c.notNull())
      .addColumn('key_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('updated_at', 'integer', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('secrets_name').unique().on('secrets').columns(['space_id', 'key_name']).execute();
    await db.schema.createIndex('secrets_created').on('secrets').columns(['space_id', 'created_at', 'id']).execute();
    await db.schema.createIndex('secrets_key').on('secrets').column('key_id').execute();

    await id('agents')
      .addColumn('space_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('description', 'text')
      .addColumn('purpose', 'text')
      .addColumn('source_repo', 'text')
      .addColumn('source_branch', 'text', (c) => c.notNull())
      .addColumn('wanted', 'text', (c) => c.notNull())
      .addColumn('source_digest', 'text')
      .addColumn('program', 'text')
      .addColumn('source_at', 'integer')
      .addColumn('source_bytes', 'integer', (c) => c.notNull())
      .addColumn('source_files', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('updated_at', 'integer', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_by_id', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('agents_name').unique().on('agents').columns(['space_id', 'name']).execute();
    await db.schema.createIndex('agents_created').on('agents').columns(['space_id', 'created_at', 'id']).execute();
    await db.schema.createIndex('agents_source').on('agents').column('source_digest').execute();

    await id('builds')
      .addColumn('space_id', 'text', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('image', 'text', (c) => c.notNull())
      .addColumn('image_id', 'text')
      .addColumn('base_image', 'text', (c) => c.notNull())
      .addColumn('agents', 'text', (c) => c.notNull())
      .addColumn('unfetched', 'text', (c) => c.notNull())
      .addColumn('node_id', 'text')
      .addColumn('error', 'text')
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('completed_at', 'integer')
      .addColumn('created_by', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('builds_newest').on('builds').columns(['space_id', 'created_at']).execute();
    await db.schema
      .createIndex('builds_open')
      .on('builds')
      .column('created_at')
      .where(sql.ref('status'), 'in', sql`('pending','building')`)
      .execute();

    await id('sessions')
      .addColumn('name', 'text')
      .addColumn('space_id', 'text', (c) => c.notNull())
      .addColumn('desired', 'text', (c) => c.notNull())
      .addColumn('generation', 'integer', (c) => c.notNull())
      .addColumn('node_id', 'text')
      .addColumn('placed_generation', 'integer', (c) => c.notNull())
      .addColumn('restored_from', 'integer')
      .addColumn('image', 'text', (c) => c.notNull())
      .addColumn('build_id', 'text')
      .addColumn('agents', 'text', (c) => c.notNull())
      .addColumn('requests', 'text', (c) => c.notNull())
      .addColumn('limits', 'text', (c) => c.notNull())
      .addColumn('phase', 'text', (c) => c.notNull())
      .addColumn('observed_generation', 'integer', (c) => c.notNull())
      .addColumn('observed_order', 'text')
      .addColumn('container_id', 'text')
      .addColumn('volume', 'text')
      .addColumn('grace_ms', 'integer', (c) => c.notNull())
      .addColumn('has_run', 'integer', (c) => c.notNull())
      .addColumn('reason', 'text')
      .addColumn('last_seq', 'integer', (c) => c.notNull())
      .addColumn('epoch_seq', 'integer', (c) => c.notNull())
      .addColumn('outstanding', 'integer', (c) => c.notNull())
      .addColumn('parent_id', 'text')
      .addColumn('copy_from', 'text')
      .addColumn('timeouts', 'text', (c) => c.notNull())
      .addColumn('metadata', 'text', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_by_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('updated_at', 'integer', (c) => c.notNull())
      .addColumn('started_at', 'integer')
      .addColumn('last_activity_at', 'integer')
      .addColumn('terminated_at', 'integer')
      .addColumn('termination_reason', 'text')
      .execute();
    const live = sql<boolean>`desired <> 'deleted'`;
    await sql`create index sessions_node on sessions (node_id) where ${live}`.execute(db);
    // With what lists are filtered by, so that no row is read that is not shown. Not with what each message changes: it would cost every message.
    const filtered = sql.raw('created_at, id, desired, phase, created_by');
    await sql`create index sessions_created on sessions (${filtered}) where ${live}`.execute(db);
    await sql`create index sessions_space on sessions (space_id, ${filtered}) where ${live}`.execute(db);
    await sql`create index sessions_owner on sessions (created_by_id, ${filtered}, space_id) where ${live}`.execute(db);
    await sql`create index sessions_timeouts on sessions (id) where timeouts <> '{}' and ${live}`.execute(db);
    await sql`create index sessions_terminated on sessions (terminated_at) where desired = 'deleted'`.execute(db);

    await id('messages')
      .addColumn('session_id', 'text', (c) => c.notNull())
      .addColumn('seq', 'integer', (c) => c.notNull())
      .addColumn('role', 'text', (c) => c.notNull())
      .addColumn('content', 'text', (c) => c.notNull())
      .addColumn('metadata', 'text', (c) => c.notNull())
      .addColumn('agent', 'text')
      .addColumn('refusal', 'text')
      .addColumn('in_reply_to', 'text', (c) => c.unique())
      .addColumn('accepted_at', 'integer')
      .addColumn('answered_at', 'integer')
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('messages_seq').unique().on('messages').columns(['session_id', 'seq']).execute();
    await sql`create index messages_unanswered on messages (session_id, seq) where role = 'user' and answered_at is null`.execute(db);

    await id('runs')
      .addColumn('session_id', 'text', (c) => c.notNull())
      .addColumn('message_id', 'text', (c) => c.notNull())
      .addColumn('agent', 'text', (c) => c.notNull())
      .addColumn('started_at', 'integer', (c) => c.notNull())
      .addColumn('finished_at', 'integer')
      .execute();
    await db.schema.createIndex('runs_message').on('runs').column('message_id').execute();
    await db.schema.createIndex('runs_session').on('runs').column('session_id').execute();
    await db.schema.createIndex('runs_started').on('runs').column('started_at').execute();

    await id('tombstones')
      .addColumn('node_id', 'text', (c) => c.notNull())
      .addColumn('up_to_generation', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('tombstones_node').on('tombstones').column('node_id').execute();

    await id('nodes')
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('incarnation', 'integer', (c) => c.notNull())
      .addColumn('joined_at', 'integer', (c) => c.notNull())
      .addColumn('driver', 'text', (c) => c.notNull())
      .addColumn('version', 'text', (c) => c.notNull())
      .addColumn('cpu_millis', 'integer', (c) => c.notNull())
      .addColumn('memory_bytes', 'integer', (c) => c.notNull())
      .addColumn('max_sessions', 'integer', (c) => c.notNull())
      .addColumn('last_seen_at', 'integer')
      .addColumn('unreachable_since', 'integer')
      .addColumn('lost_at', 'integer')
      .execute();

    await id('node_tokens')
      .addColumn('secret_hash', 'text', (c) => c.notNull())
      .addColumn('expires_at', 'integer', (c) => c.notNull())
      .addColumn('used_at', 'integer')
      .addColumn('used_by', 'text')
      .addColumn('used_key', 'text')
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('node_tokens_created').on('node_tokens').column('created_at').execute();

    await id('idempotency')
      .addColumn('body_hash', 'text', (c) => c.notNull())
      .addColumn('made_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('idempotency_created').on('idempotency').column('created_at').execute();

    await table('events')
      .addColumn('number', 'integer', (c) => c.primaryKey().notNull())
      .addColumn('type', 'text', (c) => c.notNull())
      .addColumn('space_id', 'text')
      .addColumn('session_id', 'text')
      .addColumn('session_number', 'integer')
      .addColumn('data', 'text', (c) => c.notNull())
      .addColumn('at', 'integer', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('events_session').on('events').columns(['session_id', 'session_number']).execute();
    await db.schema.createIndex('events_at').on('events').column('at').execute();

    // The numbers of a session's events outlive the events themselves.
    await table('session_event_counts')
      .addColumn('session_id', 'text', (c) => c.primaryKey().notNull())
      .addColumn('count', 'integer', (c) => c.notNull())
      .execute();
  },
};

const nodeKeys: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('nodes').addColumn('key_hash', 'text').execute();
    await db.schema.alterTable('nodes').addColumn('revoked_at', 'integer').execute();
  },
};

/** Events of one session are read by number, as of all: the number within the session is not looked for. */
const eventsOfSession: Migration = {
  async up(db) {
    await db.schema.dropIndex('events_session').execute();
    await db.schema.createIndex('events_session_number').on('events').columns(['session_id', 'number']).execute();
  },
};

const retention: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.createIndex('events_space').ifNotExists().on('events').columns(['space_id', 'at']).execute();
    await sql`create index if not exists spaces_retention on spaces (id) where json_extract(settings, '$.retention') is not null`.execute(
      db,
    );
  },
};

const lives: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('sessions').addColumn('life', 'text').execute();
  },
};

const audit: Migration = { up: auditTable };

/** Few sessions are copies that have not begun. */
const copies: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create index if not exists sessions_copies on sessions (copy_from) where copy_from is not null`.execute(db);
  },
};

const nodeBounds: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('nodes').addColumn('bounds', 'text').execute();
  },
};

/** Few builds are with a node at once, of however many that wait. */
const assignedBuilds: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create index builds_assigned on builds (node_id, created_at)
      where status in ('pending','building') and node_id is not null`.execute(db);
    await sql`create index builds_waiting on builds (created_at)
      where status in ('pending','building') and node_id is null`.execute(db);
    await sql`create index builds_open_of_space on builds (space_id, created_at) where status in ('pending','building')`.execute(db);
  },
};

const provider: MigrationProvider = {
  getMigrations: async () => ({
    '0001-first': first,
    '0002-node-keys': nodeKeys,
    '0003-queue': queueStep,
    '0004-events-of-session': eventsOfSession,
    '0005-retention': retention,
    '0006-session-indexes': sessionIndexes,
    '0007-normalized-names': normalizedNames,
    '0008-lives': lives,
    '0010-audit': audit,
    '0011-copies': copies,
    '0012-node-bounds': nodeBounds,
    '0014-assigned-builds': assignedBuilds,
    '0015-storage': { up: storageSums },
    '0016-more-storage': { up: moreStorageSums },
    '0017-strangers-of-audit': { up: strangersOfAudit },
  }),
};

/** Brings the schema up to date. Throws, and leaves the schema as it was, when a step fails. */
export async function migrate(db: Kysely<unknown>): Promise<void> {
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw error;
}
