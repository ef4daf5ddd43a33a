import { type Command, unchanged } from '../command.ts';
import type { MessageId, NodeId, SessionId } from '../ids.ts';
import { type MessageRow, put, type SessionRow } from '../rows.ts';
import { type Changes, stateEvents } from '../session-change.ts';
import { speaksFor } from '../speaker.ts';
import type { View } from '../view.ts';

/** The guest holds a message durably. */
export function acceptMessage(from: NodeId, generation: number, sessionId: SessionId, messageId: MessageId): Command<undefined> {
  return {
    name: 'accept-message',
    decide({ view, now }) {
      const session = view.get('sessions', sessionId);
      const message = view.get('messages', messageId);
      if (speaksFor(session, from, generation) !== 'yes' || session === undefined) return unchanged(undefined);
      if (message === undefined || message.sessionId !== sessionId) return unchanged(undefined);
      return { ...markAccepted(view, session, session, [message], now), answer: undefined };
    },
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
