import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { MessageId, SessionId } from '../engine/ids.ts';

/** Written once. {@link QueueRow} has the state of unanswered user messages. */
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
 * An unanswered user message as delivery and bounds need it, without its content. Deleted once it
 * is answered or cleared.
 */
export const QUEUE = {
  /** The message's id. */
  id: text<MessageId>(),
  sessionId: text<SessionId>(),
  seq: integer(),
  /** The agent that answers. Null when none can, see `refusal`. */
  agent: text<string | null>(),
  /** The answer of a message that no agent can answer, sent in its turn. */
  refusal: json<{ readonly reason: string; readonly content: string } | null>(),
  /** Content and metadata, in UTF-8. */
  bytes: integer(),
  /** When the guest stored it durably. */
  acceptedAt: integer<number | null>(),
  createdAt: integer(),
};
export interface QueueRow extends RowOf<typeof QUEUE> {}

/** Work on a session's messages that exceeded one commit, for later commits. */
export const BACKLOG = {
  id: text<SessionId>(),
  /** The reason with which messages of a failed session are answered. */
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
