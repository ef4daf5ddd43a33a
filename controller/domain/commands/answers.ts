/** Rows and events of an answer, whoever gives it: an agent, a guest that lost one, or the controller itself. */
import type { NewEvent } from '../events.ts';
import type { MessageId } from '../ids.ts';
import { messageObject } from '../present.ts';
import { type MessageRow, type Mutation, put, type SessionRow } from '../rows.ts';
import type { View } from '../view.ts';

export interface AnswerContent {
  readonly type: 'agent_response' | 'error_response';
  readonly content: string;
  /** Who speaks: an agent's name, or "raworc" for the controller's own. */
  readonly by: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What answering several messages one after another has come to: the session's row grows with each. */
export interface Ledger {
  readonly session: SessionRow;
  readonly mutations: readonly Mutation[];
  readonly events: readonly NewEvent[];
}

/** Answers one user message that has none yet. `newId` is the answer's; unique over all messages. */
export function answer(view: View, ledger: Ledger, message: MessageRow, newId: MessageId, content: AnswerContent, now: number): Ledger {
  const seq = ledger.session.lastSeq + 1;
  const row: MessageRow = {
    id: newId,
    sessionId: message.sessionId,
    seq,
    role: 'agent',
    content: content.content,
    metadata: { ...content.metadata, type: content.type, in_reply_to: message.id },
    agent: null,
    refusal: null,
    inReplyTo: message.id,
    acceptedAt: null,
    answeredAt: null,
    createdBy: content.by,
    createdAt: now,
  };
  const run = view.runOf(message.id);
  return {
    session: {
      ...ledger.session,
      lastSeq: seq,
      outstanding: ledger.session.outstanding - (message.acceptedAt === null ? 0 : 1),
      lastActivityAt: now,
    },
    mutations: [
      ...ledger.mutations,
      put('messages', row),
      put('messages', { ...message, answeredAt: now }),
      ...(run === undefined ? [] : [put('runs', { ...run, finishedAt: now })]),
    ],
    events: [...ledger.events, messageEvent(view, ledger.session, row)],
  };
}

export function messageEvent(view: View, session: SessionRow, row: MessageRow): NewEvent {
  const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
  return { type: 'message.created', spaceId: session.spaceId, sessionId: session.id, data: { space, message: messageObject(row) } };
}

/**
 * Messages that no agent can answer get their answer when their turn comes, which is when all before them have one.
 * `rest` are the unanswered messages of the session, by seq. Ids are derived from the messages' own, so that no new ones are needed.
 */
export function answerRefused(view: View, ledger: Ledger, rest: readonly MessageRow[], now: number): Ledger {
  let result = ledger;
  for (const message of rest) {
    if (message.refusal === null) break;
    const { reason, content } = message.refusal;
    result = answer(
      view,
      result,
      message,
      answerId(message.id),
      { type: 'error_response', content, by: 'raworc', metadata: { reason } },
      now,
    );
  }
  return result;
}

/** As a message that was answered in another life of the store, and whose answer is gone with that: it is told so in its turn. */
export function withAnswerLost(message: MessageRow): MessageRow {
  const content = 'The controller was restored from a backup: the answer to this message was lost.';
  return { ...message, agent: null, refusal: { reason: 'answer_lost', content } };
}

/** The id of the one answer to a message: its own with the variant's last bits changed, a UUID as well and no other message's. */
export function answerId(id: MessageId): MessageId {
  const last = Number.parseInt(id.slice(-1), 16);
  return `${id.slice(0, -1)}${(last ^ 1).toString(16)}` as MessageId;
}
