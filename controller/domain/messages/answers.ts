/** Rows and events of an answer, whoever gives it: an agent, a guest that lost one, or the controller itself. */

import type { MessageId } from '../engine/ids.ts';
import { type Mutation, put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import type { NewEvent } from '../events/events.ts';
import type { SessionRow } from '../sessions/rows.ts';
import { messageObject } from './message-object.ts';
import { ANSWERED_AT_ONCE } from './queue.ts';
import type { BacklogRow, MessageRow, QueueRow } from './rows.ts';
import type { MessageView } from './view.ts';

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

/** Answers one message of the queue. `newId` is the answer's; unique over all messages. */
export function answer(
  view: RowView & MessageView,
  ledger: Ledger,
  queued: QueueRow,
  newId: MessageId,
  content: AnswerContent,
  now: number,
): Ledger {
  const seq = ledger.session.lastSeq + 1;
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
  const run = view.runOf(queued.id);
  return {
    session: {
      ...ledger.session,
      lastSeq: seq,
      outstanding: ledger.session.outstanding - (queued.acceptedAt === null ? 0 : 1),
      lastActivityAt: now,
    },
    mutations: [
      ...ledger.mutations,
      put('messages', row),
      { kind: 'dequeue', row: queued },
      ...(run === undefined ? [] : [put('runs', { ...run, finishedAt: now })]),
    ],
    events: [...ledger.events, messageEvent(view, ledger.session, row)],
  };
}

export function messageEvent(view: RowView, session: SessionRow, row: MessageRow): NewEvent {
  const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
  return { type: 'message.created', spaceId: session.spaceId, sessionId: session.id, data: { space, message: messageObject(row) } };
}

/**
 * Messages that no agent can answer get their answer when their turn comes, which is when all before them have one. `front` is the front of
 * the queue, by seq. At most {@link ANSWERED_AT_ONCE} are answered; the rest becomes backlog. Ids are derived from the messages' own, so that no
 * new ones are needed.
 */
export function answerRefused(view: RowView & MessageView, ledger: Ledger, front: readonly QueueRow[], now: number): Ledger {
  let result = ledger;
  let answered = 0;
  for (const queued of front) {
    if (queued.refusal === null) break;
    if (answered === ANSWERED_AT_ONCE) return withBacklog(result, null, now);
    answered += 1;
    const { reason, content } = queued.refusal;
    result = answer(
      view,
      result,
      queued,
      answerId(queued.id),
      { type: 'error_response', content, by: 'raworc', metadata: { reason } },
      now,
    );
  }
  return result;
}

/** Notes that more is to be done for the session than this commit does. */
export function withBacklog(ledger: Ledger, answer: BacklogRow['answer'], now: number): Ledger {
  return { ...ledger, mutations: [...ledger.mutations, put('backlog', { id: ledger.session.id, answer, createdAt: now })] };
}

/** As a message that was answered in another life of the store, and whose answer is gone with that: it is told so in its turn. */
export function withAnswerLost(queued: QueueRow): QueueRow {
  const content = 'The controller was restored from a backup: the answer to this message was lost.';
  return { ...queued, agent: null, refusal: { reason: 'answer_lost', content } };
}

/** The id of the one answer to a message: its own with the variant's last bits changed, a UUID as well and no other message's. */
export function answerId(id: MessageId): MessageId {
  const last = Number.parseInt(id.slice(-1), 16);
  return `${id.slice(0, -1)}${(last ^ 1).toString(16)}` as MessageId;
}
