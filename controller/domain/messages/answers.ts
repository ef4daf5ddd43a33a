/**
 * Rows and events of an answer: from an agent, from a guest that lost its run, or from the
 * controller.
 */

import type { MessageId } from '../engine/ids.ts';
import { type Mutation, put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import type { NewEvent } from '../events/events.ts';
import type { SessionRow } from '../sessions/rows.ts';
import { messageObject } from './message-object.ts';
import { ANSWERED_AT_ONCE } from './queue.ts';
import type { BacklogRow, MessageRow, QueueRow } from './rows.ts';
import type { MessageView } from './view.ts';

/** Gives the answers that no agent gives: the controller's own, and those of a space's model. */
export const RAWORC = 'raworc';

export interface AnswerContent {
  readonly type: 'agent_response' | 'model_response' | 'error_response';
  readonly content: string;
  /** An agent's name, or {@link RAWORC}. */
  readonly by: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The accumulated result of answering several messages; the session's row changes with each. */
export interface AnswerChanges {
  readonly session: SessionRow;
  readonly mutations: readonly Mutation[];
  readonly events: readonly NewEvent[];
}

/** Answers a queued message. `newId` is the answer's id. */
export function answer(
  view: RowView & MessageView,
  changes: AnswerChanges,
  queued: QueueRow,
  newId: MessageId,
  content: AnswerContent,
  now: number,
): AnswerChanges {
  const seq = changes.session.lastSeq + 1;
  const row: MessageRow = {
    id: newId,
    sessionId: queued.sessionId,
    seq,
    role: 'agent',
    content: content.content,
    metadata: { ...content.metadata, type: content.type, in_reply_to: queued.id },
    inReplyTo: queued.id,
    createdBy: content.by,
    createdAt: now,
  };
  return {
    session: {
      ...changes.session,
      lastSeq: seq,
      outstanding: changes.session.outstanding - (queued.acceptedAt === null ? 0 : 1),
      lastActivityAt: now,
    },
    mutations: [...changes.mutations, put('messages', row), { kind: 'dequeue', row: queued }],
    events: [...changes.events, messageEvent(view, changes.session, row)],
  };
}

export function messageEvent(view: RowView, session: SessionRow, row: MessageRow): NewEvent {
  const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
  return { type: 'message.created', spaceId: session.spaceId, sessionId: session.id, data: { space, message: messageObject(row) } };
}

/**
 * Answers messages that no agent can answer, each once all earlier ones have an answer. `front` is
 * the front of the queue, by seq. Answers at most {@link ANSWERED_AT_ONCE}; the rest becomes
 * backlog. Ids derive from the messages' own.
 */
export function answerRefused(view: RowView & MessageView, changes: AnswerChanges, front: readonly QueueRow[], now: number): AnswerChanges {
  let result = changes;
  let answered = 0;
  for (const queued of front) {
    if (queued.refusal === null) break;
    if (answered === ANSWERED_AT_ONCE) return withBacklog(result, null, now);
    answered += 1;
    const { reason, content } = queued.refusal;
    result = answer(view, result, queued, answerId(queued.id), { type: 'error_response', content, by: RAWORC, metadata: { reason } }, now);
  }
  return result;
}

/** Records that the session has more work than fits in this commit. */
export function withBacklog(changes: AnswerChanges, answer: BacklogRow['answer'], now: number): AnswerChanges {
  return { ...changes, mutations: [...changes.mutations, put('backlog', { id: changes.session.id, answer, createdAt: now })] };
}

/**
 * Marks a message as answered before a restore that lost the answer. It gets an error_response in
 * its turn.
 */
export function withAnswerLost(queued: QueueRow): QueueRow {
  const content = 'The controller was restored from a backup: the answer to this message was lost.';
  return { ...queued, agent: null, refusal: { reason: 'answer_lost', content } };
}

/**
 * Returns the id of a message's only answer: the message's UUID with the last bits of the variant
 * changed.
 */
export function answerId(id: MessageId): MessageId {
  const last = Number.parseInt(id.slice(-1), 16);
  return `${id.slice(0, -1)}${(last ^ 1).toString(16)}` as MessageId;
}
