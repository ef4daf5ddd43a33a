import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import type { RowView } from '../../engine/view.ts';
import { answerFailed } from '../../sessions/fail-session.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { type AnswerChanges, answerRefused } from '../answers.ts';
import { ANSWERED_AT_ONCE, forgetSome } from '../queue.ts';
import type { BacklogRow } from '../rows.ts';
import type { MessageView } from '../view.ts';

/**
 * Processes part of a session's backlog of messages. Returns whether there is more; repeat until
 * false.
 */
export function processBacklog(id: SessionId): Command<boolean> {
  return {
    name: 'work-off',
    decide({ view, now }) {
      const row = view.get('backlog', id);
      if (row === undefined) return unchanged(false);
      const done: Mutation = { kind: 'remove', table: 'backlog', id };
      const session = view.get('sessions', id);
      if (session === undefined || session.desired === 'deleted') {
        const forgotten = forgetSome(view, id, session?.lastSeq ?? Number.MAX_SAFE_INTEGER);
        return { mutations: [...forgotten.mutations, ...(forgotten.done ? [done] : [])], events: [], result: !forgotten.done };
      }
      const changes = answered(view, session, row, now);
      const more = changes.mutations.some((mutation) => mutation.kind === 'put' && mutation.table === 'backlog');
      return {
        mutations: [
          ...changes.mutations,
          ...(changes.session === session ? [] : [put('sessions', changes.session)]),
          ...(more ? [] : [done]),
        ],
        events: [...changes.events, ...stateEvents(view, session, changes.session)],
        result: more,
      };
    },
  };
}

/**
 * Answers part of the queue, unless the session has been recovered since: then delivery resumes.
 */
function answered(view: RowView & MessageView, session: SessionRow, { answer }: BacklogRow, now: number): AnswerChanges {
  if (session.desired === 'failed' && answer !== null) return answerFailed(view, session, answer, now);
  return answerRefused(view, { session, mutations: [], events: [] }, view.queued(session.id, ANSWERED_AT_ONCE + 1), now);
}
