import { type Kysely, sql } from 'kysely';

/** As {@link messageBytes} counts. */
const size = (row: string) => `(octet_length(${row}.content) + octet_length(${row}.metadata))`;

const intoSpace = (bytes: string, space: string) =>
  `insert into space_storage (id, bytes) select ${space}, ${bytes} where ${space} is not null
   on conflict (id) do update set bytes = bytes + excluded.bytes`;

const spaceOf = (row: string) => `(select space_id from sessions where id = ${row}.session_id)`;

/**
 * What sessions and spaces keep in the store, as sums that triggers keep: whatever writes or removes a message or a source is counted
 * within its own transaction, and nothing is ever added up again.
 */
const STEPS = [
  'create table session_history (id text primary key not null, messages integer not null, bytes integer not null) strict, without rowid',
  'create table space_storage (id text primary key not null, bytes integer not null) strict, without rowid',
  `insert into session_history (id, messages, bytes) select m.session_id, count(*), sum(${size('m')}) from messages m group by m.session_id`,
  `insert into space_storage (id, bytes)
   select space_id, sum(bytes) from (
     select s.space_id, h.bytes from session_history h join sessions s on s.id = h.id
     union all select space_id, source_bytes from agents
   ) group by space_id`,
  `create trigger messages_kept after insert on messages begin
     insert into session_history (id, messages, bytes) values (new.session_id, 1, ${size('new')})
     on conflict (id) do update set messages = messages + 1, bytes = bytes + excluded.bytes;
     ${intoSpace(size('new'), spaceOf('new'))};
   end`,
  `create trigger messages_removed after delete on messages begin
     update session_history set messages = messages - 1, bytes = bytes - ${size('old')} where id = old.session_id;
     update space_storage set bytes = bytes - ${size('old')} where id = ${spaceOf('old')};
   end`,
  'create trigger sessions_removed after delete on sessions begin delete from session_history where id = old.id; end',
  `create trigger agents_made after insert on agents begin ${intoSpace('new.source_bytes', 'new.space_id')}; end`,
  `create trigger agents_changed after update of source_bytes on agents when new.source_bytes <> old.source_bytes begin
     update space_storage set bytes = bytes + new.source_bytes - old.source_bytes where id = new.space_id;
   end`,
  `create trigger agents_removed after delete on agents begin
     update space_storage set bytes = bytes - old.source_bytes where id = old.space_id;
   end`,
  'create trigger spaces_removed after delete on spaces begin delete from space_storage where id = old.id; end',
];

export async function storageSums(db: Kysely<unknown>): Promise<void> {
  for (const step of STEPS) await sql.raw(step).execute(db);
}
