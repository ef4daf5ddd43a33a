import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { desiring } from '../../sessions/commands/change-desired.ts';
import { removalOf } from '../../sessions/commands/remove-session.ts';
import { sessionBecomes } from '../../sessions/session-change.ts';
import type { OnTimeout } from '../rows.ts';
import { beginsAnew, leftMs } from '../sandbox-end.ts';

/** Ends a sandbox whose time is over, or begins its time anew if its session was resumed. */
export function endSandbox(id: SessionId, graceMs: number): Command<OnTimeout | 'begun-anew' | undefined> {
  return {
    name: 'end-sandbox',
    decide({ view, now, ages }) {
      const sandbox = view.get('sandboxes', id);
      const session = view.get('sessions', id);
      if (sandbox === undefined || session === undefined || session.desired === 'deleted') return unchanged(undefined);
      if (beginsAnew(sandbox, session)) {
        const row = { ...sandbox, generation: session.generation, timeoutAt: now };
        return { mutations: [put('sandboxes', row)], events: [], result: 'begun-anew' };
      }
      const left = leftMs(sandbox, session, ages);
      if (left === undefined || left > 0) return unchanged(undefined);
      const { onTimeout } = sandbox;
      if (onTimeout === 'kill') return { ...removalOf(view, session, 'its timeout is over', now), result: onTimeout };
      const after = desiring(session, onTimeout === 'pause' ? 'paused' : 'suspended', graceMs, now);
      return { ...sessionBecomes(view, session, after), result: onTimeout };
    },
  };
}
