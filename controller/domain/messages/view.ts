import type { MessageId, SessionId } from '../engine/ids.ts';
import type { BacklogRow, MessageRow, QueueRow, RunRow } from './rows.ts';

export interface QueueUse {
  readonly messages: number;
  readonly bytes: number;
}

/** What an agent is shown of a message before the one that it is asked. */
export type PastMessage = Pick<MessageRow, 'role' | 'content' | 'createdAt'>;

export interface MessageSize {
  readonly id: MessageId;
  readonly seq: number;
  /** Content and metadata, in UTF-8. */
  readonly bytes: number;
}

/** Messages, read by windows: none of this reads a whole queue. */
export interface MessageView {
  /** What waits for an answer, by seq: the first `limit` of it. */
  queued(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** Of that what an agent is to answer and its guest does not hold. */
  undelivered(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** How much waits for an answer. Reads no content. */
  queueUse(sessionId: SessionId): QueueUse;
  /** How much of its conversation a session keeps. Reads no message. */
  historyUse(sessionId: SessionId): QueueUse;
  /** The oldest messages that wait for no answer, at most `limit`. */
  oldestSettled(sessionId: SessionId, limit: number): readonly MessageSize[];
  isQueued(sessionId: SessionId): boolean;
  /** The seq of the newest message before `seq` that an agent is to answer and has not; 0 when there is none. */
  askedBefore(sessionId: SessionId, seq: number): number;
  /** The agents of what the guest holds and has not answered. */
  heldAgents(sessionId: SessionId): readonly string[];
  /** Sessions with work left over, at most `limit`, oldest first. */
  backlogged(limit: number): readonly BacklogRow[];
  answerTo(messageId: MessageId): MessageRow | undefined;
  /** The newest messages below `seq`, newest first. */
  messagesBefore(sessionId: SessionId, seq: number, limit: number): readonly MessageRow[];
  /** The newest messages below `seq`, newest first, as far as all of them fit. What is too large by itself is not read. */
  historyBefore(sessionId: SessionId, seq: number, most: { readonly messages: number; readonly bytes: number }): readonly PastMessage[];
  /** The newest messages below `seq` without content and metadata, whose sizes are read from the rows' headers. */
  messageSizes(sessionId: SessionId, belowSeq: number, limit: number): readonly MessageSize[];
  runOf(messageId: MessageId): RunRow | undefined;
  /** Ids of a session's runs, at most `limit`. */
  runIds(sessionId: SessionId, limit: number): readonly string[];
}
