import type { MessageId, SessionId } from '../engine/ids.ts';
import { put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import { messageEvent } from '../messages/answers.ts';
import type { MessageRow } from '../messages/rows.ts';
import type { SessionRow } from './rows.ts';
import type { Changes } from './session-change.ts';

const NOTE = 'The container of this session ended and was restarted. The memory of its agents is lost; its files are kept.';

/**
 * Returns whether a session lost its memory without a request: its generation is still the one at
 * which it last ran.
 */
export function hasRestarted({ life }: SessionRow, now: SessionRow['life']): boolean {
  return life !== null && now !== null && life.generation === now.generation && now.number > life.number;
}

/** Returns `observed` with a note about the restart in the conversation. */
export function withRestartNote(view: RowView, observed: SessionRow, now: number, changes: (noted: SessionRow) => Changes): Changes {
  const noted: SessionRow = { ...observed, lastSeq: observed.lastSeq + 1 };
  const note: MessageRow = {
    ...{ id: noteId(noted.id, noted.life?.number ?? 0), sessionId: noted.id, seq: noted.lastSeq, role: 'system', content: NOTE },
    metadata: { type: 'note', reason: 'restarted' },
    inReplyTo: null,
    createdBy: 'raworc',
    createdAt: now,
  };
  const { mutations, events } = changes(noted);
  return { mutations: [put('messages', note), ...mutations], events: [messageEvent(view, noted, note), ...events] };
}

/**
 * Returns a UUID that no other message has: the session's, with the life in its last digits, after
 * a digit that no generation reaches.
 */
function noteId(session: SessionId, life: number): MessageId {
  return `${session.slice(0, -12)}f${life.toString(16).padStart(11, '0')}` as MessageId;
}
