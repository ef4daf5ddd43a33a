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

export const RUNS = {
  id: text(),
  sessionId: text<SessionId>(),
  messageId: text<MessageId>(),
  agent: text(),
  startedAt: integer(),
  finishedAt: integer<number | null>(),
};
export interface RunRow extends RowOf<typeof RUNS> {}
