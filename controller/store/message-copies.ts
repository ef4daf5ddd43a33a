import type Database from 'better-sqlite3';
import type { Mutation } from '../domain/rows.ts';

/**
 * Copies a conversation from one session to another, in one statement: it may be long. The id of a copy is the session's own with the message's number
 * in place of its last digits, after a "c", so that an answer finds its message.
 */
export function messageCopies(database: Database.Database): (copy: Extract<Mutation, { kind: 'copy-messages' }>) => void {
  const copied = database.prepare<[{ from: string; to: string; limit: number; characters: number }]>(`
    with newest as (
      select * from messages where session_id = :from and (role <> 'user' or answered_at is not null) order by seq desc limit :limit
    ), kept as (
      select *, sum(length(content) + length(metadata)) over (order by seq desc) as characters from newest
    )
    insert into messages
      (id, session_id, seq, role, content, metadata, agent, refusal, in_reply_to, accepted_at, answered_at, created_by, created_at)
    select
      substr(:to, 1, 24) || printf('c%011x', kept.seq), :to, kept.seq, kept.role, kept.content,
      case when asked.id is null then kept.metadata
        else json_set(kept.metadata, '$.in_reply_to', substr(:to, 1, 24) || printf('c%011x', asked.seq)) end,
      kept.agent, null,
      case when asked.id is null then null else substr(:to, 1, 24) || printf('c%011x', asked.seq) end,
      kept.accepted_at, kept.answered_at, kept.created_by, kept.created_at
    from kept left join messages asked on asked.id = kept.in_reply_to
    where kept.characters <= :characters`);
  return ({ from, to, limit, characters }) => void copied.run({ from, to, limit, characters });
}
