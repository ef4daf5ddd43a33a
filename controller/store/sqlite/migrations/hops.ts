import { steps } from './steps.ts';
import { intoSpace, size, spaceOf } from './storage-sums.ts';

/** Hops of messages between agents. They count as messages in the sums of storage. */
export const hops = steps(
  `create table hops (
     id text not null primary key, session_id text not null, seq integer not null, role text not null, in_reply_to text not null,
     message_id text not null, created_by text not null, created_at integer not null, metadata text not null, content text not null) strict`,
  'create unique index hops_seq on hops (session_id, seq)',
  'create index hops_of_message on hops (message_id, seq)',
  `create trigger hops_kept after insert on hops begin
     insert into session_history (id, messages, bytes) values (new.session_id, 1, ${size('new')})
     on conflict (id) do update set messages = messages + 1, bytes = bytes + excluded.bytes;
     ${intoSpace(size('new'), spaceOf('new'))};
   end`,
  `create trigger hops_removed after delete on hops begin
     update session_history set messages = messages - 1, bytes = bytes - ${size('old')} where id = old.session_id;
     update space_storage set bytes = bytes - ${size('old')} where id = ${spaceOf('old')};
   end`,
);
