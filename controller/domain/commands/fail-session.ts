import type { RefusalReason } from '../answering.ts';
import { put, type SessionRow } from '../rows.ts';
import { type Changes, stateEvents } from '../session-change.ts';
import type { View } from '../view.ts';
import { answer, answerId, type Ledger } from './answers.ts';

export interface Failure {
  /** For the session: one sentence for a person. */
  readonly reason: string;
  /** For each message that waits. */
  readonly answer: Extract<RefusalReason, 'session_failed' | 'host_lost'>;
}

/** A session that cannot go on: nothing it was asked stays without an answer. `observed` is the row as it is but for that. */
export function failing(view: View, before: SessionRow, observed: SessionRow, failure: Failure, now: number): Changes {
  const failed: SessionRow = {
    ...observed,
    desired: 'failed',
    generation: observed.generation + 1,
    restoredFrom: null,
    reason: failure.reason,
    updatedAt: now,
  };
  let ledger: Ledger = { session: failed, mutations: [], events: [] };
  for (const message of view.unanswered(before.id)) {
    const content = {
      type: 'error_response',
      content: `The session failed: ${failure.reason}`,
      by: 'raworc',
      metadata: { reason: failure.answer },
    } as const;
    ledger = answer(view, ledger, message, answerId(message.id), content, now);
  }
  return {
    mutations: [...ledger.mutations, put('sessions', ledger.session)],
    events: [...ledger.events, ...stateEvents(view, before, ledger.session)],
  };
}
