import type { MessageId, SessionId } from '../engine/ids.ts';

/** Written once. Whether a user message still waits for its answer is in {@link QueueRow}. */
export interface MessageRow {
  readonly id: MessageId;
  readonly sessionId: SessionId;
  readonly seq: number;
  readonly role: 'user' | 'agent' | 'system';
  readonly content: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Of an answer: the user message. Unique: the first commit wins. */
  readonly inReplyTo: MessageId | null;
  readonly createdBy: string;
  readonly createdAt: number;
}

/** A user message without an answer: what delivery and bounds need of it, without its content. Gone once it is answered or cleared. */
export interface QueueRow {
  /** The message's own. */
  readonly id: MessageId;
  readonly sessionId: SessionId;
  readonly seq: number;
  /** Who is to answer. Null: nobody can, for `refusal`. */
  readonly agent: string | null;
  /** Where no agent can answer: the answer that the message gets when its turn comes. */
  readonly refusal: { readonly reason: string; readonly content: string } | null;
  /** Content and metadata, in UTF-8. */
  readonly bytes: number;
  /** When the guest held it durably. */
  readonly acceptedAt: number | null;
  readonly createdAt: number;
}

/** Work on a session's messages that was too much for one commit, to be done in further ones. */
export interface BacklogRow {
  readonly id: SessionId;
  /** Of a session that failed: the reason that its messages are answered with. */
  readonly answer: 'session_failed' | 'host_lost' | null;
  readonly createdAt: number;
}

export interface RunRow {
  readonly id: string;
  readonly sessionId: SessionId;
  readonly messageId: MessageId;
  readonly agent: string;
  readonly startedAt: number;
  readonly finishedAt: number | null;
}
