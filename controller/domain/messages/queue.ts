/** A session's queue: its unanswered user messages, and how many of them one command handles. */

import type { SessionId } from '../engine/ids.ts';
import type { Mutation } from '../engine/mutation.ts';
import { type Refused, refused } from '../engine/outcome.ts';
import type { SessionRow } from '../sessions/rows.ts';
import type { MessageRow, QueueRow } from './rows.ts';
import type { MessageView, QueueUse } from './view.ts';

/** Bounds of one session's queue. */
export const MAX_QUEUED = { messages: 1000, bytes: 16 * 1024 * 1024 } as const;

/**
 * Maximum number of additional messages that one command answers, so that each commit stays short.
 */
export const ANSWERED_AT_ONCE = 50;

/** Maximum number of messages that one command deletes. */
export const FORGOTTEN_AT_ONCE = { rows: 200, bytes: 4 * 1024 * 1024 } as const;

export const messageBytes = ({ content, metadata }: Pick<MessageRow, 'content' | 'metadata'>): number =>
  Buffer.byteLength(content) + Buffer.byteLength(JSON.stringify(metadata));

/** Returns a refusal if the queue cannot take a message of that size now. */
export function refusedByQueue(use: QueueUse, bytes: number): Refused | undefined {
  const later = { retry_after_s: 5 };
  if (use.messages >= MAX_QUEUED.messages) {
    const message = `The queue of this session is full: ${use.messages} messages wait for an answer, and the limit is ${MAX_QUEUED.messages}. Retry once some are answered.`;
    return refused('RATE_LIMITED', message, { ...later, bound: 'messages', queued: use.messages, allowed: MAX_QUEUED.messages });
  }
  if (use.messages > 0 && use.bytes + bytes > MAX_QUEUED.bytes) {
    const message = `The queue of this session is full: ${use.bytes} bytes of messages wait for an answer, and the limit is ${MAX_QUEUED.bytes}. Retry once some are answered.`;
    return refused('RATE_LIMITED', message, { ...later, bound: 'bytes', queued: use.bytes, allowed: MAX_QUEUED.bytes });
  }
  return undefined;
}

/** Returns the front of a queue, with one row replaced by the command's version. */
export function frontWith(view: MessageView, session: SessionRow, changed: QueueRow): readonly QueueRow[] {
  return view.queued(session.id, ANSWERED_AT_ONCE + 1).map((row) => (row.id === changed.id ? changed : row));
}

export interface Forgetting {
  readonly mutations: readonly Mutation[];
  /** Returns whether nothing is left up to that seq. */
  readonly done: boolean;
}

/**
 * Deletes a session's messages and hops up to a seq. Starts with the newest, so that no answer
 * outlives its question. Bounded.
 */
export function forgetSome(view: MessageView, sessionId: SessionId, upToSeq: number): Forgetting {
  const sizes = view.storedSizes(sessionId, upToSeq + 1, FORGOTTEN_AT_ONCE.rows + 1);
  const mutations: Mutation[] = [];
  let left = FORGOTTEN_AT_ONCE.bytes;
  for (const { table, id, bytes } of sizes.slice(0, FORGOTTEN_AT_ONCE.rows)) {
    if (left <= 0) break;
    left -= bytes;
    mutations.push({ kind: 'remove', table, id });
  }
  return { mutations, done: mutations.length === sizes.length };
}
