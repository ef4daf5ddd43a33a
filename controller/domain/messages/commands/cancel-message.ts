import type { MessageObject } from '../../../contract/messages.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { MessageId, SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { NO_SESSION } from '../../sessions/refusals.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { answerRefused } from '../answers.ts';
import { asCancelled } from '../cancelled.ts';
import { messageObject } from '../message-object.ts';
import { frontWith } from '../queue.ts';
import type { QueueRow } from '../rows.ts';

export interface Cancel {
  readonly sessionId: SessionId;
  readonly messageId: MessageId;
  /** How long a run in progress can continue. */
  readonly graceMs: number;
}

/**
 * Cancels a user message. Without a guest that can have it, the controller answers it in its turn.
 * Otherwise the request is kept with the queued message until the guest answers: only the guest
 * knows whether its run has begun. An existing answer stands. A repetition can only shorten the
 * grace.
 */
export function cancelMessage({ sessionId, messageId, graceMs }: Cancel): Command<Outcome<MessageObject>> {
  return {
    name: 'cancel-message',
    decide({ view, now }) {
      const session = view.get('sessions', sessionId);
      if (session === undefined || session.desired === 'deleted') return unchanged(NO_SESSION);
      const message = view.get('messages', messageId);
      if (message?.sessionId !== sessionId) return unchanged(refused('NOT_FOUND', 'No such message in this session.'));
      if (message.role !== 'user') {
        return unchanged(
          refused('CONFLICT', `Only messages with the role user are answered and can be cancelled; this one has ${message.role}.`),
        );
      }
      const result = accepted(messageObject(message));
      const queued = view.get('queue', messageId);
      if (queued === undefined || queued.agent === null) return unchanged(result);
      if (queued.cancelGraceMs !== null && queued.cancelGraceMs <= graceMs) return unchanged(result);
      const wanted: QueueRow = { ...queued, cancelGraceMs: graceMs };
      if (canBeDelivered(session, queued)) return { mutations: [put('queue', wanted)], events: [], result };
      const ended = asCancelled(wanted);
      const all = answerRefused(view, { session, mutations: [put('queue', ended)], events: [] }, frontWith(view, session, ended), now);
      return {
        mutations: [...all.mutations, ...(all.session === session ? [] : [put('sessions', all.session)])],
        events: [...all.events, ...stateEvents(view, session, all.session)],
        result,
      };
    },
  };
}

/**
 * Whether a guest has the message or can be receiving it. A restore forgets which messages guests
 * accepted.
 */
function canBeDelivered({ hasRun, phase, epochSeq }: SessionRow, { acceptedAt, seq }: QueueRow): boolean {
  if (acceptedAt !== null || seq <= epochSeq) return true;
  return hasRun && phase !== 'none' && phase !== 'suspended';
}
