import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Moves the columns of a user message that change out of the row with its content. Message rows are
 * then written once. The content is the last column, so that the others are read without it.
 */
export const queueStep: Migration = {
  async up(db: Kysely<unknown>) {
    const run = (text: string) => sql.raw(text).execute(db);
    // An earlier version could end after this step and before the migrator recorded it.
    const { rows } = await sql`select 1 from pragma_table_info('messages') where name = 'answered_at'`.execute(db);
    if (rows.length === 0) return;
    await run(`create table queue (id text primary key not null, session_id text not null, seq integer not null, agent text, refusal text,
        bytes integer not null, accepted_at integer, created_at integer not null) strict, without rowid`);
    await run(`insert into queue select id, session_id, seq, agent, refusal, octet_length(content) + octet_length(metadata), accepted_at, created_at
        from messages where role = 'user' and answered_at is null`);
    await run('create index queue_order on queue (session_id, seq, bytes)');
    await run('create index queue_undelivered on queue (session_id, seq) where accepted_at is null and agent is not null');
    await run('create table backlog (id text primary key not null, answer text, created_at integer not null) strict, without rowid');
    await run(`create table written_messages (id text primary key not null, session_id text not null, seq integer not null,
        role text not null, in_reply_to text, created_by text not null, created_at integer not null, metadata text not null,
        content text not null) strict, without rowid`);
    await run(`insert into written_messages
        select id, session_id, seq, role, in_reply_to, created_by, created_at, metadata, content from messages`);
    await run('drop table messages');
    await run('alter table written_messages rename to messages');
    await run('create unique index messages_seq on messages (session_id, seq)');
    await run('create unique index messages_reply on messages (in_reply_to) where in_reply_to is not null');
  },
};
