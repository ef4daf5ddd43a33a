import { type Command, unchanged } from '../../engine/command.ts';
import { put } from '../../engine/mutation.ts';
import { checkReporter } from '../../sessions/report-fence.ts';
import { type MessageReport, markAccepted, precedesRestore } from './accept-message.ts';

export interface StartedRun extends MessageReport {
  readonly runId: string;
  readonly agent: string;
}

/** Records that an agent is about to receive a message. Returns whether that is new. */
export function startRun(started: StartedRun): Command<boolean> {
  return {
    name: 'start-run',
    decide({ view, now }) {
      const session = view.get('sessions', started.sessionId);
      const queued = view.get('queue', started.messageId);
      if (checkReporter(session, started.from, started.generation) !== 'yes' || session === undefined) return unchanged(false);
      if (queued === undefined || queued.sessionId !== session.id) return unchanged(false);
      if (precedesRestore(session, queued, started.generation)) return unchanged(false);
      if (queued.run?.id === started.runId) return unchanged(false);
      const run = { id: started.runId, agent: started.agent };
      const taken = markAccepted(view, session, session, [{ ...queued, run }], now);
      const space = view.get('spaces', session.spaceId)?.name ?? session.spaceId;
      const { runId, agent, messageId } = started;
      return {
        mutations: [...taken.mutations, ...(queued.acceptedAt === null ? [] : [put('queue', { ...queued, run })])],
        events: [
          ...taken.events,
          {
            type: 'run.started',
            spaceId: session.spaceId,
            sessionId: session.id,
            data: { space, run_id: runId, message_id: messageId, agent },
          },
        ],
        result: true,
      };
    },
  };
}
