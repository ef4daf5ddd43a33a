import type { MessageId, SessionId } from '../engine/ids.ts';
import { put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import { messageEvent } from '../messages/answers.ts';
import type { MessageRow } from '../messages/rows.ts';
import { desiring } from './commands/change-desired.ts';
import type { SessionRow } from './rows.ts';
import { type Changes, stateEvents } from './session-change.ts';

const REST = 'The session is now suspended: its files are kept, and a message or a resume starts it again.';
const NOTE = `The container of this paused session ended, and its memory is lost. ${REST}`;
const NEVER_UP = `This session was paused before it had started. ${REST}`;

/**
 * Suspends a paused session whose container no longer exists, with a note in its conversation.
 * `observed` is the row with the other changes of this commit.
 */
export function memoryLost(view: RowView, before: SessionRow, observed: SessionRow, now: number): Changes {
  const suspended = desiring(observed, 'suspended', 0, now);
  const after: SessionRow = { ...suspended, lastSeq: suspended.lastSeq + 1 };
  const note: MessageRow = {
    id: noteId(after.id, after.generation),
    sessionId: after.id,
    seq: after.lastSeq,
    role: 'system',
    content: before.hasRun ? NOTE : NEVER_UP,
    metadata: { type: 'note', reason: 'memory_lost' },
    inReplyTo: null,
    createdBy: 'raworc',
    createdAt: now,
  };
  return {
    mutations: [put('messages', note), put('sessions', after)],
    events: [messageEvent(view, after, note), ...stateEvents(view, before, after)],
  };
}

/**
 * Returns a UUID that no other message has: the session's, with the generation in its last digits.
 */
function noteId(session: SessionId, generation: number): MessageId {
  return `${session.slice(0, -12)}${generation.toString(16).padStart(12, '0')}` as MessageId;
}
