/**
 * Steps that lower the number of pages that a message writes: each costs a copy, a checksum and two
 * system calls in every commit.
 */
import { INDEXED } from '../audit.ts';
import { sessionKey } from '../events-of-session.ts';
import { HAS_OTHER_ID } from '../other-answer-ids.ts';
import { SAMPLED } from '../sampled-times.ts';
import { steps } from './steps.ts';
import { changed, eventSums, intoSpace, size, spaceOf } from './storage-sums.ts';

const FILTERED = 'created_at, id, desired, phase, created_by';
const LIVE = `desired <> 'deleted'`;

/**
 * Lists of busy or idle sessions read the queue instead of an indexed count, which each message
 * changed twice in three indexes.
 */
export const sessionIndexesWithoutQueue = steps(
  'drop index sessions_created',
  'drop index sessions_space',
  'drop index sessions_owner',
  `create index sessions_created on sessions (${FILTERED}, space_id, created_by_id) where ${LIVE}`,
  `create index sessions_space on sessions (space_id, ${FILTERED}) where ${LIVE}`,
  `create index sessions_owner on sessions (created_by_id, ${FILTERED}, space_id) where ${LIVE}`,
);

/**
 * Keys the queue by what it is read by, instead of three trees. It has the current run, so that
 * runs need no table. The order of the columns is that of the earlier table.
 */
export const queueByOrder = steps(
  `create table ordered_queue (id text not null, session_id text not null, seq integer not null, agent text, refusal text,
     bytes integer not null, accepted_at integer, created_at integer not null, cancel_grace_ms integer, run text,
     primary key (session_id, seq)) strict, without rowid`,
  `insert into ordered_queue select id, session_id, seq, agent, refusal, bytes, accepted_at, created_at, cancel_grace_ms,
     (select json_object('id', runs.id, 'agent', runs.agent) from runs where runs.message_id = queue.id order by started_at desc limit 1) from queue`,
  'drop table queue',
  'alter table ordered_queue rename to queue',
  'create index queue_cancelled on queue (session_id, seq) where cancel_grace_ms is not null and agent is not null',
  'drop table runs',
);

export const otherAnswerIds = steps(
  'drop index messages_reply',
  `create unique index messages_reply on messages (in_reply_to) where in_reply_to is not null and ${HAS_OTHER_ID}`,
);

/**
 * Events as rows in the order of their numbers: without a rowid, each event of more than a quarter
 * of a page had a page of its own. Only some times are indexed, and spaces no longer. The number
 * within the session is that of its newest event; a row counts only sessions that have lost all.
 */
export const numberedEvents = steps(
  `create table numbered_events (
     number integer primary key not null, at integer not null, type text not null, space_id text, session_id text,
     session_number integer, data text not null) strict`,
  'insert into numbered_events select number, at, type, space_id, session_id, session_number, data from events order by number',
  'drop table events',
  'alter table numbered_events rename to events',
  // The number is the last column of every index.
  'create index events_session on events (session_id) where session_id is not null',
  `create index events_at on events (at) where ${SAMPLED}`,
  ...eventSums,
  'delete from session_event_counts where exists (select 1 from events where events.session_id = session_event_counts.session_id)',
  `create trigger session_events_pruned after delete on events when old.session_id is not null
     and not exists (select 1 from events where session_id = old.session_id and number > old.number)
     and exists (select 1 from sessions where id = old.session_id) begin
     insert into session_event_counts (session_id, count) values (old.session_id, coalesce(old.session_number, 0))
     on conflict (session_id) do update set count = max(count, excluded.count);
   end`,
  'create table pruned_spaces (id text not null primary key, number integer not null) strict, without rowid',
  'create trigger pruned_spaces_removed after delete on spaces begin delete from pruned_spaces where id = old.id; end',
);

/** The newest records are in none of these indexes: entries are written for many records at once. */
export const auditIndexedLater = steps(
  'alter table audit add column indexed integer not null default 1',
  ...['actor', 'action', 'space', 'resource_id'].flatMap((column) => [
    `drop index audit_${column}`,
    `create index audit_${column} on audit (${column}) where ${INDEXED}`,
  ]),
  'drop index audit_at',
  `create index audit_at on audit (at) where ${SAMPLED}`,
);

export const shortSessionKeys = steps(
  'drop index events_session',
  `create index events_session on events (${sessionKey('session_id')}) where session_id is not null`,
  'drop trigger session_events_pruned',
  `create trigger session_events_pruned after delete on events when old.session_id is not null
     and not exists (select 1 from events where ${sessionKey('session_id')} = ${sessionKey('old.session_id')}
       and session_id = old.session_id and number > old.number)
     and exists (select 1 from sessions where id = old.session_id) begin
     insert into session_event_counts (session_id, count) values (old.session_id, coalesce(old.session_number, 0))
     on conflict (session_id) do update set count = max(count, excluded.count);
   end`,
);

/** Sums of a session's history in its own row, which each message changes anyway. */
export const historyInSessions = steps(
  'alter table sessions add column history_messages integer not null default 0',
  'alter table sessions add column history_bytes integer not null default 0',
  `update sessions set history_messages = h.messages, history_bytes = h.bytes from session_history h
     where h.id = sessions.id and h.messages > 0`,
  'drop trigger sessions_removed',
  'drop table session_history',
  ...['messages', 'hops'].flatMap((table) => [
    `drop trigger ${table}_kept`,
    `create trigger ${table}_kept after insert on ${table} begin
       update sessions set history_messages = history_messages + 1, history_bytes = history_bytes + ${size('new')} where id = new.session_id;
       ${intoSpace(size('new'), spaceOf('new'))};
     end`,
    `drop trigger ${table}_removed`,
    `create trigger ${table}_removed after delete on ${table} begin
       update sessions set history_messages = history_messages - 1, history_bytes = history_bytes - ${size('old')} where id = old.session_id;
       update space_storage set bytes = bytes - ${size('old')} where id = ${spaceOf('old')};
     end`,
  ]),
);

/** Gives each space a sum from its beginning, so that messages and events only update it. */
export const sumsOfAllSpaces = steps(
  'insert into space_storage (id, bytes) select id, 0 from spaces where true on conflict do nothing',
  'create trigger spaces_made after insert on spaces begin insert or ignore into space_storage (id, bytes) values (new.id, 0); end',
  'drop trigger events_recorded',
  `create trigger events_recorded after insert on events when new.space_id is not null begin
     ${changed('octet_length(new.data)', 'new.space_id')};
   end`,
  ...['messages', 'hops'].flatMap((table) => [
    `drop trigger ${table}_kept`,
    `create trigger ${table}_kept after insert on ${table} begin
       update sessions set history_messages = history_messages + 1, history_bytes = history_bytes + ${size('new')} where id = new.session_id;
       ${changed(size('new'), spaceOf('new'))};
     end`,
  ]),
);
