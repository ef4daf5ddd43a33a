/** The queue of a session: its user messages without an answer, and how much of it one command handles. */
import type { SessionId } from '../engine/ids.ts';
import type { Mutation } from '../engine/mutation.ts';
import { type Refused, refused } from '../engine/outcome.ts';
import type { SessionRow } from '../sessions/rows.ts';
import type { MessageRow, QueueRow } from './rows.ts';
import type { MessageView, QueueUse } from './view.ts';

/** What may wait for an answer in one session. */
export const QUEUE_BOUND = { messages: 1000, bytes: 16 * 1024 * 1024 } as const;

/** How many messages one command answers at most beyond the one that it is about: a commit is over before long. */
export const ANSWERED_AT_ONCE = 50;

/** How much one command forgets. */
export const FORGOTTEN_AT_ONCE = { rows: 200, bytes: 4 * 1024 * 1024 } as const;

export const messageBytes = ({ content, metadata }: Pick<MessageRow, 'content' | 'metadata'>): number =>
  Buffer.byteLength(content) + Buffer.byteLength(JSON.stringify(metadata));

/** Why a queue takes no message of that size now; undefined when it does. */
export function refusedByQueue(use: QueueUse, bytes: number): Refused | undefined {
  const later = { retry_after_s: 5 };
  if (use.messages >= QUEUE_BOUND.messages) {
    const message = `The queue of this session is full: ${use.messages} messages wait for an answer, and ${QUEUE_BOUND.messages} can. Retry once some are answered.`;
    return refused('RATE_LIMITED', message, { ...later, bound: 'messages', queued: use.messages, allowed: QUEUE_BOUND.messages });
  }
  if (use.messages > 0 && use.bytes + bytes > QUEUE_BOUND.bytes) {
    const message = `The queue of this session is full: ${use.bytes} bytes of messages wait for an answer, and ${QUEUE_BOUND.bytes} can. Retry once some are answered.`;
    return refused('RATE_LIMITED', message, { ...later, bound: 'bytes', queued: use.bytes, allowed: QUEUE_BOUND.bytes });
  }
  return undefined;
}

/** The front of a queue, with one row as a command changes it. */
export function frontWith(view: MessageView, session: SessionRow, changed: QueueRow): readonly QueueRow[] {
  return view.queued(session.id, ANSWERED_AT_ONCE + 1).map((row) => (row.id === changed.id ? changed : row));
}

export interface Forgetting {
  readonly mutations: readonly Mutation[];
  /** Nothing is left up to that seq. */
  readonly done: boolean;
}

/** Removes messages of a session up to a seq, the newest first, so that no answer outlives its question; and its runs. Bounded. */
export function forgetSome(view: MessageView, sessionId: SessionId, upToSeq: number): Forgetting {
  const sizes = view.messageSizes(sessionId, upToSeq + 1, FORGOTTEN_AT_ONCE.rows + 1);
  const mutations: Mutation[] = [];
  let left = FORGOTTEN_AT_ONCE.bytes;
  for (const { id, bytes } of sizes.slice(0, FORGOTTEN_AT_ONCE.rows)) {
    if (left <= 0) break;
    left -= bytes;
    mutations.push({ kind: 'remove', table: 'messages', id });
  }
  const messagesDone = mutations.length === sizes.length;
  const runs = view.runIds(sessionId, FORGOTTEN_AT_ONCE.rows + 1);
  for (const id of runs.slice(0, FORGOTTEN_AT_ONCE.rows)) mutations.push({ kind: 'remove', table: 'runs', id });
  return { mutations, done: messagesDone && runs.length <= FORGOTTEN_AT_ONCE.rows };
}
