import type { Ages } from '../../engine/agreed-time.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import type { MessageView } from '../../messages/view.ts';
import type { SessionRow } from '../rows.ts';
import { sessionBecomes } from '../session-change.ts';
import { desiring } from './change-desired.ts';
import { removalOf } from './remove-session.ts';

export type Expiry = 'pause' | 'suspend' | 'delete';

/**
 * Returns the next expiry of a session and the time until it; undefined when it has none. A session
 * with outstanding messages or in use (`isBusy`), or kept awake by its processes, never expires by being idle; a time to live counts
 * from the creation, regardless of activity.
 */
export function nextExpiry(
  session: SessionRow,
  isBusy: boolean,
  ages: Pick<Ages, 'ageMs'>,
): { readonly leftMs: number; readonly expiry: Expiry } | undefined {
  const { idle_pause_s: pauseS, idle_suspend_s: suspendS, idle_delete_s: deleteS, ttl_s: ttlS } = session.timeouts;
  const idleMs = () => ages.ageMs(session.lastActivityAt ?? session.startedAt ?? session.createdAt);
  const candidates: { leftMs: number; expiry: Expiry }[] = [];
  if (ttlS !== undefined) candidates.push({ leftMs: ttlS * 1000 - ages.ageMs(session.createdAt), expiry: 'delete' });
  const isAwake = session.keptAwake && session.desired === 'running';
  const mayRest = !isBusy && !isAwake && session.phase !== 'none' && session.phase !== 'starting';
  if (mayRest && suspendS !== undefined && (session.desired === 'running' || session.desired === 'paused')) {
    candidates.push({ leftMs: suspendS * 1000 - idleMs(), expiry: 'suspend' });
  }
  if (mayRest && pauseS !== undefined && session.desired === 'running')
    candidates.push({ leftMs: pauseS * 1000 - idleMs(), expiry: 'pause' });
  if (deleteS !== undefined && (mayRest || session.desired === 'failed'))
    candidates.push({ leftMs: deleteS * 1000 - idleMs(), expiry: 'delete' });
  return candidates.sort((a, b) => a.leftMs - b.leftMs)[0];
}

export const isWaiting = (view: MessageView, session: SessionRow): boolean => view.isQueued(session.id);

/** Applies a session's due timeout, and returns which one it was. `isUsed` is asked at its turn. */
export function expireSession(id: SessionId, graceMs: number, isUsed: () => boolean): Command<Expiry | undefined> {
  return {
    name: 'expire-session',
    decide({ view, now, ages }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(undefined);
      const due = nextExpiry(row, isUsed() || isWaiting(view, row), ages);
      if (due === undefined || due.leftMs > 0) return unchanged(undefined);
      if (due.expiry === 'delete') {
        const isOld = row.timeouts.ttl_s !== undefined && ages.ageMs(row.createdAt) >= row.timeouts.ttl_s * 1000;
        const why = isOld ? 'its time to live is over' : 'it was idle for too long (idle_delete_s)';
        return { ...removalOf(view, row, why, now), result: due.expiry };
      }
      const after = desiring(row, due.expiry === 'pause' ? 'paused' : 'suspended', graceMs, now);
      return { ...sessionBecomes(view, row, after), result: due.expiry };
    },
  };
}
