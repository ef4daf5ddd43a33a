import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What the index keeps of a session's metadata. A session with more keys, or with a longer one, has one row with an empty key instead. */
const MAX_KEYS = 64;
export const MAX_KEY_LENGTH = 128;
/** Of a value its beginning. */
export const MAX_VALUE_LENGTH = 128;

const live = sql.raw(`desired <> 'deleted'`);

/**
 * Lists of sessions by name and by metadata. `session_metadata` has a row for each pair of a session that is not deleted, kept by triggers in
 * the transaction that changes the session.
 */
export const sessionIndexes: Migration = {
  async up(db: Kysely<unknown>) {
    for (const index of ['created', 'space', 'owner']) await sql`drop index ${sql.ref(`sessions_${index}`)}`.execute(db);
    // With what lists are filtered by, and with who may see a session: no row is read that is not shown. (A change of a session writes its
    // entries anew in any case, since it writes all of its columns.)
    const filtered = sql.raw('created_at, id, desired, phase, outstanding, created_by');
    await sql`create index sessions_created on sessions (${filtered}, space_id, created_by_id) where ${live}`.execute(db);
    await sql`create index sessions_space on sessions (space_id, ${filtered}) where ${live}`.execute(db);
    await sql`create index sessions_owner on sessions (created_by_id, ${filtered}, space_id) where ${live}`.execute(db);
    await sql`create index sessions_name on sessions (name, created_at, id, space_id, created_by_id) where name is not null and ${live}`.execute(
      db,
    );

    await db.schema
      .createTable('session_metadata')
      .addColumn('key', 'text', (c) => c.notNull())
      .addColumn('value', 'text', (c) => c.notNull())
      .addColumn('space_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'integer', (c) => c.notNull())
      .addColumn('id', 'text', (c) => c.notNull())
      .addColumn('created_by_id', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('session_metadata_key', ['key', 'value', 'space_id', 'created_at', 'id'])
      .modifyEnd(sql`strict, without rowid`)
      .execute();
    const run = (text: string) => sql.raw(text).execute(db);
    await run(`create trigger session_metadata_insert after insert on sessions when new.metadata <> '{}' begin ${insertion('new')}; end`);
    // Every change of a session writes all of its columns: the condition keeps those apart that change what is indexed.
    await run(`create trigger session_metadata_update after update of metadata, desired on sessions
      when old.metadata <> new.metadata or (old.desired = 'deleted') <> (new.desired = 'deleted')
      begin ${removal('old')}; ${insertion('new')}; end`);
    await run(`create trigger session_metadata_delete after delete on sessions begin ${removal('old')}; end`);
    await run(insertion('sessions'));
  },
};

type Row = 'new' | 'old' | 'sessions';
const COLUMNS = 'key, value, space_id, created_at, id, created_by_id';

/** What is kept of the metadata of a row, or of all rows: `condition` says of which. */
function pairsOf(row: Row, condition: string): string {
  const metadata = `${row}.metadata`;
  const isTooMuch = `(exists (select 1 from json_each(${metadata}) limit 1 offset ${MAX_KEYS})
    or exists (select 1 from json_each(${metadata}) where length(key) > ${MAX_KEY_LENGTH}))`;
  const value = `case pair.type when 'text' then pair.atom else ${metadata} -> pair.fullkey end`;
  const ofSession = `${row}.space_id, ${row}.created_at, ${row}.id, ${row}.created_by_id`;
  const [all, each] = row === 'sessions' ? ['from sessions', 'from sessions,'] : ['', 'from'];
  return `select pair.key, substr(${value}, 1, ${MAX_VALUE_LENGTH}), ${ofSession}
    ${each} json_each(${metadata}) as pair where ${condition} and pair.key <> '' and not ${isTooMuch}
    union all select '', '', ${ofSession} ${all} where ${condition} and ${isTooMuch}`;
}

const insertion = (row: 'new' | 'sessions') =>
  `insert or ignore into session_metadata (${COLUMNS}) ${pairsOf(row, `${row}.desired <> 'deleted'`)}`;
const removal = (row: 'old') => `delete from session_metadata where (${COLUMNS}) in (${pairsOf(row, 'true')})`;
