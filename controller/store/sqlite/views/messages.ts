import { answerId } from '../../../domain/messages/answers.ts';
import type { MessageView, PastMessage } from '../../../domain/messages/view.ts';
import { HAS_OTHER_ID } from '../other-answer-ids.ts';
import type { Reads } from './reads.ts';

const UNDELIVERED = 'accepted_at is null and agent is not null';
/** The condition of its partial index. */
const CANCELLED = 'cancel_grace_ms is not null and agent is not null';
const SIZE = 'octet_length(content) + octet_length(metadata)';
/** The queue is keyed by session and seq. Each of its messages has a row with its content. */
export const OF_MESSAGE = `where session_id = (select session_id from messages where id = ?) and seq = (select seq from messages where id = ?)`;
const HISTORY = `select role, created_at as createdAt, ${SIZE} as size, case when ${SIZE} <= ? then content end as content from messages
  where session_id = ? and seq < ? order by seq desc limit +?`;
const EMPTY = { messages: 0, bytes: 0 };

const sizesOf = (table: 'messages' | 'hops', where: string) =>
  `select '${table}' as "table", id, seq, ${SIZE} as bytes from ${table} where session_id = ? and ${where}`;
const SETTLED = 'not exists (select 1 from queue q where q.session_id = messages.session_id and q.seq = messages.seq)';
// Each half is read by its index, and the two are merged: neither is sorted.
const OLDEST_SETTLED = `${sizesOf('messages', SETTLED)} union all ${sizesOf('hops', 'true')} order by seq limit +?`;
const STORED_BELOW = `${sizesOf('messages', 'seq < ?')} union all ${sizesOf('hops', 'seq < ?')} order by seq desc limit +?`;

export const messageView = ({ all, one, rows, row, each }: Reads): MessageView => ({
  queued: (sessionId, limit) => all('queue', 'where session_id = ? order by seq limit +?', sessionId, limit),
  undelivered: (sessionId, limit) => all('queue', `where session_id = ? and ${UNDELIVERED} order by seq limit +?`, sessionId, limit),
  queueUse: (sessionId) =>
    row('select count(*) as messages, coalesce(sum(bytes), 0) as bytes from queue where session_id = ?', sessionId) ?? EMPTY,
  historyUse: (sessionId) =>
    row('select history_messages as messages, history_bytes as bytes from sessions where id = ?', sessionId) ?? EMPTY,
  oldestSettled: (sessionId, limit) => rows(OLDEST_SETTLED, sessionId, sessionId, limit),
  isQueued: (sessionId) => row('select 1 from queue where session_id = ? limit 1', sessionId) !== undefined,
  unansweredBefore: (sessionId, seq) =>
    row<{ seq: number }>(
      'select seq from queue where session_id = ? and seq < ? and agent is not null order by seq desc limit 1',
      sessionId,
      seq,
    )?.seq ?? 0,
  cancelled: (sessionId) => all('queue', `where session_id = ? and ${CANCELLED} order by seq`, sessionId),
  backlogged: (limit) => all('backlog', 'order by created_at limit +?', limit),
  answerTo(messageId) {
    const usual = one('messages', 'where id = ?', answerId(messageId));
    return usual?.inReplyTo === messageId ? usual : one('messages', `where in_reply_to = ? and ${HAS_OTHER_ID}`, messageId);
  },
  messagesBefore: (sessionId, seq, limit) =>
    all('messages', 'where session_id = ? and seq < ? order by seq desc limit +?', sessionId, seq, limit),
  historyBefore(sessionId, seq, { messages, bytes }) {
    const found: PastMessage[] = [];
    let left = bytes;
    for (const { size, ...message } of each<PastMessage & { size: number }>(HISTORY, bytes, sessionId, seq, messages)) {
      left -= size;
      if (left < 0) break;
      found.push(message);
    }
    return found;
  },
  messageSizes: (sessionId, belowSeq, limit) =>
    rows(
      `select id, seq, ${SIZE} as bytes from messages
       where session_id = ? and seq < ? order by seq desc limit +?`,
      sessionId,
      belowSeq,
      limit,
    ),
  storedSizes: (sessionId, belowSeq, limit) => rows(STORED_BELOW, sessionId, belowSeq, sessionId, belowSeq, limit),
});
