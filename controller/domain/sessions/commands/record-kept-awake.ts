import { type Command, unchanged } from '../../engine/command.ts';
import type { NodeId, SessionId } from '../../engine/ids.ts';
import { sessionBecomes } from '../session-change.ts';

/** Records whether processes keep a session from idling. Its idle time begins when none does. */
export function recordKeptAwake(from: NodeId, sessionId: SessionId, keptAwake: boolean): Command<void> {
  return {
    name: 'record-kept-awake',
    decide({ view, now }) {
      const row = view.get('sessions', sessionId);
      if (row?.nodeId !== from || row.desired === 'deleted' || row.keptAwake === keptAwake) return unchanged(undefined);
      return { ...sessionBecomes(view, row, { ...row, keptAwake, lastActivityAt: now }), result: undefined };
    },
  };
}
