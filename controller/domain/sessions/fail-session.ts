import { put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import { type AnswerChanges, answer, answerId, withBacklog } from '../messages/answers.ts';
import { CANCELLED } from '../messages/cancelled.ts';
import type { RefusalReason } from '../messages/choose-agent.ts';
import { ANSWERED_AT_ONCE } from '../messages/queue.ts';
import type { MessageView } from '../messages/view.ts';
import type { SessionRow } from './rows.ts';
import { type Changes, stateEvents } from './session-change.ts';

export interface Failure {
  /** The reason on the session: one sentence for the user. */
  readonly reason: string;
  /** The reason in the answer to each waiting message. */
  readonly answer: Extract<RefusalReason, 'session_failed' | 'host_lost'>;
}

/**
 * Fails a session and answers all its messages; those beyond one commit's bound are answered from
 * the backlog. `observed` is the row with the other changes of this commit.
 */
export function failing(view: RowView & MessageView, before: SessionRow, observed: SessionRow, failure: Failure, now: number): Changes {
  const failed: SessionRow = {
    ...observed,
    desired: 'failed',
    generation: observed.generation + 1,
    restoredFrom: null,
    reason: failure.reason,
    updatedAt: now,
  };
  const changes = answerFailed(view, failed, failure.answer, now);
  return {
    mutations: [...changes.mutations, put('sessions', changes.session)],
    events: [...changes.events, ...stateEvents(view, before, changes.session)],
  };
}

/** Answers the oldest messages of a failed session, and records when there are more. */
export function answerFailed(view: RowView & MessageView, failed: SessionRow, reason: Failure['answer'], now: number): AnswerChanges {
  const queued = view.queued(failed.id, ANSWERED_AT_ONCE + 1);
  let changes: AnswerChanges = { session: failed, mutations: [], events: [] };
  for (const row of queued.slice(0, ANSWERED_AT_ONCE)) {
    const why = row.cancelGraceMs === null ? { reason, content: `The session failed: ${failed.reason}` } : CANCELLED;
    const content = { type: 'error_response', content: why.content, by: 'raworc', metadata: { reason: why.reason } } as const;
    changes = answer(view, changes, row, answerId(row.id), content, now);
  }
  return queued.length > ANSWERED_AT_ONCE ? withBacklog(changes, reason, now) : changes;
}
