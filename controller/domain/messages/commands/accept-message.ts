import { type Command, unchanged } from '../../engine/command.ts';
import type { MessageId, NodeId, SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import type { RowView } from '../../engine/view.ts';
import { checkReporter } from '../../sessions/report-fence.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { type Changes, stateEvents } from '../../sessions/session-change.ts';
import { answerRefused, withAnswerLost } from '../answers.ts';
import { frontWith } from '../queue.ts';
import type { QueueRow } from '../rows.ts';
import type { MessageView } from '../view.ts';

/** What a node reports of a message: `from` and `generation` show whether it still may. */
export interface MessageReport {
  readonly from: NodeId;
  readonly generation: number;
  readonly sessionId: SessionId;
  readonly messageId: MessageId;
}

export interface AcceptedMessage extends MessageReport {
  /** The guest has already answered it, and its answer was acknowledged. */
  readonly settled: boolean;
}

/**
 * Records that the guest stored a message durably. If the guest says it was settled but no answer
 * is here, a restore lost the answer, and nothing will answer it again: it gets an error_response.
 * Returns whether anything changed.
 */
export function acceptMessage({ from, generation, sessionId, messageId, settled }: AcceptedMessage): Command<boolean> {
  return {
    name: 'accept-message',
    decide({ view, now }) {
      const session = view.get('sessions', sessionId);
      const queued = view.get('queue', messageId);
      if (checkReporter(session, from, generation) !== 'yes' || session === undefined) return unchanged(false);
      if (queued === undefined || queued.sessionId !== sessionId) return unchanged(false);
      if (settled) return { ...settleLost(view, session, queued, now), result: true };
      if (precedesRestore(session, queued, generation)) return unchanged(false);
      return { ...markAccepted(view, session, session, [queued], now), result: queued.acceptedAt === null };
    },
  };
}

/**
 * Whether a report about a message that waited at a restore is from before it. The guest can have
 * answered since, with an answer that the restore lost: the message must be sent again, so that
 * the guest says what became of it.
 */
export const precedesRestore = (session: SessionRow, { seq }: QueueRow, generation: number): boolean =>
  seq <= session.epochSeq && generation < Math.min(session.epochSeq, session.generation);

function settleLost(view: RowView & MessageView, session: SessionRow, queued: QueueRow, now: number): Changes {
  // Answer it only in its turn: an earlier message can still be running.
  const lost = withAnswerLost(queued);
  const all = answerRefused(view, { session, mutations: [put('queue', lost)], events: [] }, frontWith(view, session, lost), now);
  return {
    mutations: [...all.mutations, put('sessions', all.session)],
    events: [...all.events, ...stateEvents(view, session, all.session)],
  };
}

/**
 * Marks the messages of `queued` that are not accepted yet as accepted. The session's event
 * compares with the row `before`.
 */
export function markAccepted(view: RowView, before: SessionRow, session: SessionRow, queued: readonly QueueRow[], now: number): Changes {
  const fresh = queued.filter(({ acceptedAt }) => acceptedAt === null);
  const after = { ...session, outstanding: session.outstanding + fresh.length };
  const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
  return {
    mutations: [
      ...fresh.map((row) => put('queue', { ...row, acceptedAt: now })),
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
