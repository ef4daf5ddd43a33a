import type { MessageId, SessionId } from '../engine/ids.ts';
import type { BacklogRow, MessageRow, QueueRow, RunRow } from './rows.ts';

export interface QueueUse {
  readonly messages: number;
  readonly bytes: number;
}

/** An earlier message in the history that an agent receives. */
export type PastMessage = Pick<MessageRow, 'role' | 'content' | 'createdAt'>;

export interface MessageSize {
  readonly id: MessageId;
  readonly seq: number;
  /** Content and metadata, in UTF-8. */
  readonly bytes: number;
}

/** Messages, read by windows: no query reads a whole queue. */
export interface MessageView {
  /** Returns the first `limit` messages of the queue, by seq. */
  queued(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** Returns those of the queue that have an agent and that the guest has not accepted. */
  undelivered(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** Returns the size of the queue. Reads no content. */
  queueUse(sessionId: SessionId): QueueUse;
  /** Returns the size of the stored conversation. Reads no message. */
  historyUse(sessionId: SessionId): QueueUse;
  /** Returns the oldest messages that wait for no answer, at most `limit`. */
  oldestSettled(sessionId: SessionId, limit: number): readonly MessageSize[];
  isQueued(sessionId: SessionId): boolean;
  /**
   * Returns the seq of the newest earlier message that an agent has yet to answer; 0 when there is
   * none.
   */
  askedBefore(sessionId: SessionId, seq: number): number;
  /** Returns the agents of messages that the guest has accepted and not answered. */
  heldAgents(sessionId: SessionId): readonly string[];
  /** Returns sessions with backlog, oldest first, at most `limit`. */
  backlogged(limit: number): readonly BacklogRow[];
  answerTo(messageId: MessageId): MessageRow | undefined;
  /** Returns the newest messages below `seq`, newest first. */
  messagesBefore(sessionId: SessionId, seq: number, limit: number): readonly MessageRow[];
  /**
   * Returns the newest messages below `seq`, newest first, as many as fit. Does not read a message
   * that is too large by itself.
   */
  historyBefore(sessionId: SessionId, seq: number, most: { readonly messages: number; readonly bytes: number }): readonly PastMessage[];
  /**
   * Returns the newest messages below `seq` without content and metadata; sizes come from the rows'
   * headers.
   */
  messageSizes(sessionId: SessionId, belowSeq: number, limit: number): readonly MessageSize[];
  runOf(messageId: MessageId): RunRow | undefined;
  /** Returns ids of a session's runs, at most `limit`. */
  runIds(sessionId: SessionId, limit: number): readonly string[];
}
