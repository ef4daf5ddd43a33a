/**
 * Forgets a session's messages. What is running goes on; its answer is acknowledged and dropped. Numbers go on where they were.
 *
 * A long conversation takes several commands: the first empties the queue, and each answers up to which seq the next one goes on, or undefined
 * when it has removed the last of them and the event says so.
 */
import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import type { NewEvent } from '../../events/events.ts';
import { NO_SESSION } from '../../sessions/refusals.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { forgetSome } from '../queue.ts';

export function clearMessages(id: SessionId, begunAtSeq?: number): Command<Outcome<number | undefined>> {
  return {
    name: 'clear-messages',
    decide({ view, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(NO_SESSION);
      const upToSeq = begunAtSeq ?? row.lastSeq;
      const { mutations, done } = forgetSome(view, id, upToSeq);
      const after = begunAtSeq === undefined ? { ...row, outstanding: 0, updatedAt: now } : row;
      const space = view.get('spaces', row.spaceId)?.name ?? row.spaceId;
      const cleared: NewEvent = { type: 'messages.cleared', spaceId: row.spaceId, sessionId: id, data: { space, up_to_seq: upToSeq } };
      return {
        mutations: [...(after === row ? [] : [{ kind: 'empty-queue', sessionId: id } as const, put('sessions', after)]), ...mutations],
        events: [...(done ? [cleared] : []), ...stateEvents(view, row, after)],
        answer: accepted(done ? undefined : upToSeq),
      };
    },
  };
}
