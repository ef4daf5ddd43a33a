import type { MessageId, SessionId } from '../engine/ids.ts';
import type { BacklogRow, MessageRow, QueueRow } from './rows.ts';

export interface QueueUse {
  readonly messages: number;
  readonly bytes: number;
}

/** A message as an agent sees it in the history. */
export type PastMessage = Pick<MessageRow, 'role' | 'content' | 'createdAt'>;

export interface MessageSize {
  readonly id: MessageId;
  readonly seq: number;
  /** Content and metadata, in UTF-8. */
  readonly bytes: number;
}

/** A message, or the question or answer of a hop. */
export interface StoredSize extends MessageSize {
  readonly table: 'messages' | 'hops';
}

/** Messages. Every read is bounded: no query reads a whole queue. */
export interface MessageView {
  /** The first `limit` unanswered messages, by seq. */
  queued(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** Returns those of them that an agent must answer and that its guest does not have. */
  undelivered(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** Returns number and size of the unanswered messages. Reads no content. */
  queueUse(sessionId: SessionId): QueueUse;
  /**
   * Returns number and size of all messages of a session, with those of hops. Reads no message.
   */
  historyUse(sessionId: SessionId): QueueUse;
  /**
   * Returns the oldest messages that are not waiting for an answer, with those of hops, at most
   * `limit`.
   */
  oldestSettled(sessionId: SessionId, limit: number): readonly StoredSize[];
  isQueued(sessionId: SessionId): boolean;
  /**
   * The seq of the newest unanswered message before `seq` that an agent answers; 0 when there is
   * none.
   */
  unansweredBefore(sessionId: SessionId, seq: number): number;
  /** Returns the cancelled messages that wait for their guest's answer, by seq. */
  cancelled(sessionId: SessionId): readonly QueueRow[];
  /** Returns sessions with backlog, oldest first, at most `limit`. */
  backlogged(limit: number): readonly BacklogRow[];
  answerTo(messageId: MessageId): MessageRow | undefined;
  /** Returns the newest messages below `seq`, newest first. */
  messagesBefore(sessionId: SessionId, seq: number, limit: number): readonly MessageRow[];
  /**
   * The newest messages below `seq`, newest first, as many as fit. A message that alone is too
   * large is not read.
   */
  historyBefore(sessionId: SessionId, seq: number, most: { readonly messages: number; readonly bytes: number }): readonly PastMessage[];
  /** Sizes of the newest messages below `seq`, from the headers of their rows. */
  messageSizes(sessionId: SessionId, belowSeq: number, limit: number): readonly MessageSize[];
  /** The same with messages of hops. */
  storedSizes(sessionId: SessionId, belowSeq: number, limit: number): readonly StoredSize[];
}
