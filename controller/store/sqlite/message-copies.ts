import type Database from 'better-sqlite3';
import type { Mutation } from '../../domain/engine/mutation.ts';

/**
 * Copies a conversation to another session in one statement, because it can be long. Hops stay with
 * the runs that made them. A copy's id is
 * that of the new session with "c" and the message's number as its last digits, so that an answer
 * finds its message.
 */
export function messageCopies(database: Database.Database): (copy: Extract<Mutation, { kind: 'copy-messages' }>) => void {
  const copied = database.prepare<[{ from: string; to: string; fromSeq: number }]>(`
    insert into messages (id, session_id, seq, role, in_reply_to, created_by, created_at, metadata, content)
    select
      substr(:to, 1, 24) || printf('c%011x', kept.seq), :to, kept.seq, kept.role,
      case when asked.id is null then null else substr(:to, 1, 24) || printf('c%011x', asked.seq) end,
      kept.created_by, kept.created_at,
      case when asked.id is null then kept.metadata
        else json_set(json_remove(kept.metadata, '$.hops'), '$.in_reply_to', substr(:to, 1, 24) || printf('c%011x', asked.seq)) end,
      kept.content
    from messages kept left join messages asked on asked.id = kept.in_reply_to
    where kept.session_id = :from and kept.seq >= :fromSeq and not exists (select 1 from queue q where q.session_id = kept.session_id and q.seq = kept.seq)`);
  return ({ from, to, fromSeq }) => void copied.run({ from, to, fromSeq });
}
