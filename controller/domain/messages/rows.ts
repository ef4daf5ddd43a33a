import type { HopObject } from '../../contract/messages.ts';
import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { MessageId, SessionId } from '../engine/ids.ts';

/** Written once. {@link QueueRow} says whether a user message still waits for its answer. */
export const MESSAGES = {
  id: text<MessageId>(),
  sessionId: text<SessionId>(),
  seq: integer(),
  role: text<'user' | 'agent' | 'system'>(),
  content: text(),
  metadata: json<Readonly<Record<string, unknown>>>(),
  /** Id of the user message that this answers. Unique: the first commit wins. */
  inReplyTo: text<MessageId | null>(),
  createdBy: text(),
  createdAt: integer(),
};
export interface MessageRow extends RowOf<typeof MESSAGES> {}

export type HopDetails = Omit<HopObject, 'id' | 'parent_id' | 'question' | 'answer'>;
// Not an interface: the metadata of messages are records.
export type HopMetadata = {
  readonly type: 'hop';
  readonly in_reply_to: MessageId;
  /** Of a question. */
  readonly trace?: HopDetails;
  /** Of an answer. */
  readonly agent?: string;
  readonly run_id?: string;
  readonly duration_ms?: number;
  readonly reason?: string;
};

/**
 * What agents asked one another to answer a user message: for each hop its question, with the role
 * user, and its answer. Written with the answer to the user message. Their seqs are among those of
 * the session's messages.
 */
export const HOPS = {
  ...MESSAGES,
  metadata: json<HopMetadata>(),
  /** For an answer its question; for a question the hop or user message whose run asked it. */
  inReplyTo: text<MessageId>(),
  /** The user message. */
  messageId: text<MessageId>(),
};
export interface HopRow extends RowOf<typeof HOPS> {}

/**
 * An unanswered user message without its content, for delivery and bounds. Removed once it is
 * answered or cleared.
 */
export const QUEUE = {
  /** The message's id. */
  id: text<MessageId>(),
  sessionId: text<SessionId>(),
  seq: integer(),
  /** The agent that answers. Null: none can, for `refusal`. */
  agent: text<string | null>(),
  /** If no agent can answer: the error_response that the message gets in its turn. */
  refusal: json<{ readonly reason: string; readonly content: string } | null>(),
  /** Content and metadata, in UTF-8. */
  bytes: integer(),
  /** When the guest had stored it durably. */
  acceptedAt: integer<number | null>(),
  /** If the user cancelled it: how long a run in progress can continue. */
  cancelGraceMs: integer<number | null>(),
  /** The newest run that its guest has reported. */
  run: json<{ readonly id: string; readonly agent: string } | null>(),
  createdAt: integer(),
};
export interface QueueRow extends RowOf<typeof QUEUE> {}

/** Work on a session's messages that was too much for one commit, left for further ones. */
export const BACKLOG = {
  id: text<SessionId>(),
  /** For a failed session: the reason in the answers to its messages. */
  answer: text<'session_failed' | 'host_lost' | null>(),
  createdAt: integer(),
};
export interface BacklogRow extends RowOf<typeof BACKLOG> {}
