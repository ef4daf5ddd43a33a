import { type Command, unchanged } from '../../engine/command.ts';
import type { MessageId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { answerRefused } from '../answers.ts';
import { asCancelled } from '../cancelled.ts';
import { canAnswer, INACTIVE_REASON, inactiveText } from '../choose-agent.ts';
import { frontWith } from '../queue.ts';
import type { QueueRow } from '../rows.ts';

/**
 * Refuses a message that no guest has accepted and whose agent is inactive; its error_response
 * comes in its turn. Returns false if the agent is active again.
 */
export function refuseInactive(id: MessageId): Command<boolean> {
  return {
    name: 'refuse-inactive',
    decide({ view, now }) {
      const queued = view.get('queue', id);
      if (queued === undefined || queued.agent === null || queued.acceptedAt !== null) return unchanged(true);
      const session = view.get('sessions', queued.sessionId);
      if (session === undefined || session.desired === 'deleted') return unchanged(true);
      if (canAnswer(view, session, queued.agent)) return unchanged(false);
      const inactive = { reason: INACTIVE_REASON, content: inactiveText(queued.agent) };
      const refused: QueueRow = queued.cancelGraceMs === null ? { ...queued, agent: null, refusal: inactive } : asCancelled(queued);
      const front = frontWith(view, session, refused);
      const result = answerRefused(view, { session, mutations: [put('queue', refused)], events: [] }, front, now);
      return {
        mutations: [...result.mutations, ...(result.session === session ? [] : [put('sessions', result.session)])],
        events: [...result.events, ...stateEvents(view, session, result.session)],
        result: true,
      };
    },
  };
}
