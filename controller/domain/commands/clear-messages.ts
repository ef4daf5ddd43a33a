import { type Command, unchanged } from '../command.ts';
import type { SessionId } from '../ids.ts';
import { accepted, type Outcome, refused } from '../outcome.ts';
import { put } from '../rows.ts';
import { stateEvents } from '../session-change.ts';

/** Forgets a session's messages. What is running goes on; its answer is acknowledged and dropped. Numbers go on where they were. */
export function clearMessages(id: SessionId): Command<Outcome<undefined>> {
  return {
    name: 'clear-messages',
    decide({ view, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(refused('NOT_FOUND', 'There is no such session.'));
      const after = { ...row, outstanding: 0, updatedAt: now };
      const space = view.get('spaces', row.spaceId)?.name ?? row.spaceId;
      return {
        mutations: [{ kind: 'forget', sessionId: id }, put('sessions', after)],
        events: [
          { type: 'messages.cleared', spaceId: row.spaceId, sessionId: id, data: { space, up_to_seq: row.lastSeq } },
          ...stateEvents(view, row, after),
        ],
        answer: accepted(undefined),
      };
    },
  };
}
