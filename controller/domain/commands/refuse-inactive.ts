import { INACTIVE_REASON, inactiveText, mayAnswer } from '../answering.ts';
import { type Command, unchanged } from '../command.ts';
import type { MessageId } from '../ids.ts';
import { type MessageRow, put } from '../rows.ts';
import { stateEvents } from '../session-change.ts';
import { answerRefused } from './answers.ts';

/** Refuses a message that no guest holds and whose agent is not to be asked any more; its error_response comes in its turn. False when it may be asked again. */
export function refuseInactive(id: MessageId): Command<boolean> {
  return {
    name: 'refuse-inactive',
    decide({ view, now }) {
      const message = view.get('messages', id);
      if (message === undefined || message.agent === null || message.acceptedAt !== null || message.answeredAt !== null)
        return unchanged(true);
      const session = view.get('sessions', message.sessionId);
      if (session === undefined || session.desired === 'deleted') return unchanged(true);
      if (mayAnswer(view, session, message.agent)) return unchanged(false);
      const refused: MessageRow = { ...message, agent: null, refusal: { reason: INACTIVE_REASON, content: inactiveText(message.agent) } };
      const waiting = view.unanswered(session.id).map((one) => (one.id === id ? refused : one));
      const result = answerRefused(view, { session, mutations: [put('messages', refused)], events: [] }, waiting, now);
      return {
        mutations: [...result.mutations, ...(result.session === session ? [] : [put('sessions', result.session)])],
        events: [...result.events, ...stateEvents(view, session, result.session)],
        answer: true,
      };
    },
  };
}
