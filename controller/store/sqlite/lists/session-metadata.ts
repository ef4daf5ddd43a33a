import { steps } from '../migrations/steps.ts';

/**
 * Bounds of the index. A session with more keys, or with a longer one, has a single row with an
 * empty key instead.
 */
const MAX_KEYS = 64;
export const MAX_KEY_LENGTH = 128;
/** The index keeps the beginning of a longer value. */
export const MAX_VALUE_LENGTH = 128;

const LIVE = `desired <> 'deleted'`;
const FILTERED = 'created_at, id, desired, phase, outstanding, created_by';

type Row = 'new' | 'old' | 'sessions';
const COLUMNS = 'key, value, space_id, created_at, id, created_by_id';

/** Selects the indexed pairs of one row, or of all rows that meet `condition`. */
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

/**
 * Indexes for lists of sessions by name and by metadata. `session_metadata` has a row for each pair
 * of a session that is not deleted; triggers maintain it in the transaction that changes the
 * session.
 */
export const sessionIndexes = steps(
  'drop index sessions_created',
  'drop index sessions_space',
  'drop index sessions_owner',
  // These indexes have every column that lists filter by or that decides who can see a session, to
  // avoid reading rows that do not match. (They cost no extra writes: a change of a session writes
  // all of its columns anyway.)
  `create index sessions_created on sessions (${FILTERED}, space_id, created_by_id) where ${LIVE}`,
  `create index sessions_space on sessions (space_id, ${FILTERED}) where ${LIVE}`,
  `create index sessions_owner on sessions (created_by_id, ${FILTERED}, space_id) where ${LIVE}`,
  `create index sessions_name on sessions (name, created_at, id, space_id, created_by_id) where name is not null and ${LIVE}`,
  `create table session_metadata (
     key text not null, value text not null, space_id text not null, created_at integer not null, id text not null,
     created_by_id text not null,
     constraint session_metadata_key primary key (key, value, space_id, created_at, id)) strict, without rowid`,
  `create trigger session_metadata_insert after insert on sessions when new.metadata <> '{}' begin ${insertion('new')}; end`,
  // Every change of a session writes all of its columns, so this condition selects changes of
  // indexed values.
  `create trigger session_metadata_update after update of metadata, desired on sessions
      when old.metadata <> new.metadata or (old.desired = 'deleted') <> (new.desired = 'deleted')
      begin ${removal('old')}; ${insertion('new')}; end`,
  `create trigger session_metadata_delete after delete on sessions begin ${removal('old')}; end`,
  insertion('sessions'),
);
