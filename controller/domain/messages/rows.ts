import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { MessageId, SessionId } from '../engine/ids.ts';

/** Written once. Whether a user message still waits for its answer is in {@link QueueRow}. */
export const MESSAGES = {
  id: text<MessageId>(),
  sessionId: text<SessionId>(),
  seq: integer(),
  role: text<'user' | 'agent' | 'system'>(),
  content: text(),
  metadata: json<Readonly<Record<string, unknown>>>(),
  /** Of an answer: the user message. Unique: the first commit wins. */
  inReplyTo: text<MessageId | null>(),
  createdBy: text(),
  createdAt: integer(),
};
export interface MessageRow extends RowOf<typeof MESSAGES> {}

/** A user message without an answer: what delivery and bounds need of it, without its content. Gone once it is answered or cleared. */
export const QUEUE = {
  /** The message's own. */
  id: text<MessageId>(),
  sessionId: text<SessionId>(),
  seq: integer(),
  /** Who is to answer. Null: nobody can, for `refusal`. */
  agent: text<string | null>(),
  /** Where no agent can answer: the answer that the message gets when its turn comes. */
  refusal: json<{ readonly reason: string; readonly content: string } | null>(),
  /** Content and metadata, in UTF-8. */
  bytes: integer(),
  /** When the guest held it durably. */
  acceptedAt: integer<number | null>(),
  createdAt: integer(),
};
export interface QueueRow extends RowOf<typeof QUEUE> {}

/** Work on a session's messages that was too much for one commit, to be done in further ones. */
export const BACKLOG = {
  id: text<SessionId>(),
  /** Of a session that failed: the reason that its messages are answered with. */
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
