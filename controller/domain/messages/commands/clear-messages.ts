import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import type { NewEvent } from '../../events/events.ts';
import { NO_SESSION } from '../../sessions/refusals.ts';
import { stateEvents } from '../../sessions/session-change.ts';
import { forgetSome } from '../queue.ts';

/**
 * Deletes a session's messages. A current run continues; its answer is acknowledged and dropped.
 * Numbering continues.
 *
 * A long conversation takes several commands. The first empties the queue. Each returns the seq
 * from which the next continues, or undefined when it deleted the last message and emitted the
 * event.
 */
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
        result: accepted(done ? undefined : upToSeq),
      };
    },
  };
}
