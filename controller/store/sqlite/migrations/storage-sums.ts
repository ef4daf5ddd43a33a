import { steps } from './steps.ts';

/** Must equal {@link messageBytes}. */
export const size = (row: string) => `(octet_length(${row}.content) + octet_length(${row}.metadata))`;

export const intoSpace = (bytes: string, space: string) =>
  `insert into space_storage (id, bytes) select ${space}, ${bytes} where ${space} is not null
   on conflict (id) do update set bytes = bytes + excluded.bytes`;

export const spaceOf = (row: string) => `(select space_id from sessions where id = ${row}.session_id)`;

/**
 * Sums of the storage of sessions and spaces, maintained by triggers. Each write or removal is
 * counted in its own transaction, and sums are never recomputed.
 */
export const storageSums = steps(
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
);

const metadataOf = (row: string) => `case when ${row}.desired = 'deleted' then 0 else octet_length(${row}.metadata) end`;

export const changed = (bytes: string, space: string) => `update space_storage set bytes = bytes + ${bytes} where id = ${space}`;

/** Counts events in the storage of their space. */
export const eventSums = [
  `create trigger events_recorded after insert on events when new.space_id is not null begin
     insert into space_storage (id, bytes) select id, octet_length(new.data) from spaces where id = new.space_id
     on conflict (id) do update set bytes = bytes + excluded.bytes;
   end`,
  `create trigger events_pruned after delete on events when old.space_id is not null begin
     ${changed('0 - octet_length(old.data)', 'old.space_id')};
   end`,
];

/**
 * Everything else that a tenant can make large: metadata of sessions, secrets, and events, which
 * keep a message's text long after it was cleared.
 */
export const moreStorageSums = steps(
  `insert into space_storage (id, bytes)
   select space_id, sum(bytes) from (
     select space_id, octet_length(metadata) as bytes from sessions where desired <> 'deleted'
     union all select space_id, octet_length(sealed) from secrets
     union all select space_id, octet_length(data) from events where space_id in (select id from spaces)
   ) where true group by space_id on conflict (id) do update set bytes = bytes + excluded.bytes`,
  `create trigger sessions_made after insert on sessions begin ${intoSpace(metadataOf('new'), 'new.space_id')}; end`,
  `create trigger sessions_changed after update of metadata, desired on sessions
   when new.metadata <> old.metadata or (new.desired = 'deleted') <> (old.desired = 'deleted') begin
     ${changed(`(${metadataOf('new')}) - (${metadataOf('old')})`, 'new.space_id')};
   end`,
  `create trigger secrets_made after insert on secrets begin ${intoSpace('octet_length(new.sealed)', 'new.space_id')}; end`,
  `create trigger secrets_changed after update of sealed on secrets begin
     ${changed('octet_length(new.sealed) - octet_length(old.sealed)', 'new.space_id')};
   end`,
  `create trigger secrets_gone after delete on secrets begin ${changed('0 - octet_length(old.sealed)', 'old.space_id')}; end`,
  ...eventSums,
);
