import { type Command, unchanged } from '../command.ts';
import type { MessageId, NodeId, SessionId } from '../ids.ts';
import { type MessageRow, put, type SessionRow } from '../rows.ts';
import { type Changes, stateEvents } from '../session-change.ts';
import { speaksFor } from '../speaker.ts';
import type { View } from '../view.ts';
import { answerRefused, withAnswerLost } from './answers.ts';

export interface AcceptedMessage {
  readonly from: NodeId;
  readonly generation: number;
  readonly sessionId: SessionId;
  readonly messageId: MessageId;
  /** Its guest has answered it before, and was told that the answer is kept. */
  readonly settled: boolean;
}

/**
 * The guest holds a message durably. One that it says was settled, and that has no answer here, lost it when the store was
 * restored from a backup: nobody will answer it again, so it is answered here.
 */
export function acceptMessage({ from, generation, sessionId, messageId, settled }: AcceptedMessage): Command<undefined> {
  return {
    name: 'accept-message',
    decide({ view, now }) {
      const session = view.get('sessions', sessionId);
      const message = view.get('messages', messageId);
      if (speaksFor(session, from, generation) !== 'yes' || session === undefined) return unchanged(undefined);
      if (message === undefined || message.sessionId !== sessionId) return unchanged(undefined);
      if (settled) return { ...answerLost(view, session, message, now), answer: undefined };
      return { ...markAccepted(view, session, session, [message], now), answer: undefined };
    },
  };
}

function answerLost(view: View, session: SessionRow, message: MessageRow, now: number): Changes {
  if (message.role !== 'user' || message.answeredAt !== null) return { mutations: [], events: [] };
  // Not before its turn: one before it may be at work still.
  const lost = withAnswerLost(message);
  const waiting = view.unanswered(session.id).map((one) => (one.id === lost.id ? lost : one));
  const all = answerRefused(view, { session, mutations: [put('messages', lost)], events: [] }, waiting, now);
  return {
    mutations: [...all.mutations, put('sessions', all.session)],
    events: [...all.events, ...stateEvents(view, session, all.session)],
  };
}

/** Marks those of `messages` that are user messages still unanswered and not accepted; `before` is the row that the session's event compares with. */
export function markAccepted(view: View, before: SessionRow, session: SessionRow, messages: readonly MessageRow[], now: number): Changes {
  const fresh = messages.filter(({ role, acceptedAt, answeredAt }) => role === 'user' && acceptedAt === null && answeredAt === null);
  const after = { ...session, outstanding: session.outstanding + fresh.length };
  const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
  return {
    mutations: [
      ...fresh.map((message) => put('messages', { ...message, acceptedAt: now })),
      ...(fresh.length > 0 || session !== before ? [put('sessions', after)] : []),
    ],
    events: [
      ...fresh.map(({ id, seq }) => ({
        type: 'message.accepted' as const,
        spaceId: session.spaceId,
        sessionId: session.id,
        data: { space, message_id: id, seq },
      })),
      ...stateEvents(view, before, after),
    ],
  };
}
