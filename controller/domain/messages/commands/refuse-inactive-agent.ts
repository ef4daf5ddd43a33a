import type { AgentView } from '../../agents/view.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { MessageId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import type { RowView } from '../../engine/view.ts';
import type { SessionRow } from '../../sessions/rows.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { answerRefused } from '../answers.ts';
import { asCancelled } from '../cancelled.ts';
import { type Choice, chooseAgent, INACTIVE_REASON, inactiveText } from '../choose-agent.ts';
import { frontWith } from '../queue.ts';
import { canReceive, ROUTER } from '../router.ts';
import type { QueueRow } from '../rows.ts';

/**
 * Refuses a message that no guest has accepted and whose agent is inactive; its error_response
 * comes in its turn. Returns false if it can be delivered: the agent is active again, or the space
 * of a message for the router has no model any more and another agent can answer.
 */
export function refuseInactive(id: MessageId): Command<boolean> {
  return {
    name: 'refuse-inactive',
    decide({ view, now }) {
      const queued = view.get('queue', id);
      if (queued === undefined || queued.agent === null || queued.acceptedAt !== null) return unchanged(true);
      const session = view.get('sessions', queued.sessionId);
      if (session === undefined || session.desired === 'deleted') return unchanged(true);
      if (canReceive(view, session, queued.agent)) return unchanged(false);
      const again = queued.agent === ROUTER ? rechosen(view, session, queued) : undefined;
      if (again?.ok === true) return { mutations: [put('queue', { ...queued, agent: again.agent })], events: [], result: false };
      const inactive = again ?? { reason: INACTIVE_REASON, content: inactiveText(queued.agent) };
      const refused: QueueRow =
        queued.cancelGraceMs === null
          ? { ...queued, agent: null, refusal: { reason: inactive.reason, content: inactive.content } }
          : asCancelled(queued);
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

/** The space lost its model after the message was posted: what would be chosen now. */
function rechosen(view: RowView & AgentView, session: SessionRow, { id }: QueueRow): Choice | undefined {
  const message = view.get('messages', id);
  return message && chooseAgent(view, session, message.content, message.metadata);
}
