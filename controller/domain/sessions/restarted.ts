import type { MessageId, SessionId } from '../engine/ids.ts';
import { put } from '../engine/mutation.ts';
import type { RowView } from '../engine/view.ts';
import { messageEvent } from '../messages/answers.ts';
import type { MessageRow } from '../messages/rows.ts';
import type { SessionRow } from './rows.ts';
import type { Changes } from './session-change.ts';

const NOTE = 'The container of this session ended and was started again: what its agents held in memory is gone, and its files are kept.';

/** Whether a session's memory began anew though nobody asked for it: its generation is as it was when it last ran. */
export function hasRestarted({ life }: SessionRow, now: SessionRow['life']): boolean {
  return life !== null && now !== null && life.generation === now.generation && now.number > life.number;
}

/** The changes to `observed`, with a note among the session's messages. */
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

/** A UUID as the session's own, with the life in place of its last digits, behind a digit that no generation reaches. */
function noteId(session: SessionId, life: number): MessageId {
  return `${session.slice(0, -12)}f${life.toString(16).padStart(11, '0')}` as MessageId;
}
