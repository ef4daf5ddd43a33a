import { type Command, unchanged } from '../command.ts';
import type { SessionId } from '../ids.ts';
import type { SessionRow } from '../rows.ts';
import { sessionBecomes } from '../session-change.ts';
import type { View } from '../view.ts';
import { desiring } from './change-desired.ts';
import { removalOf } from './remove-session.ts';

export type Expiry = 'pause' | 'suspend' | 'delete';

/**
 * When the timeouts of a session next ask for something, and what; undefined when they do not. Nothing outstanding is ever
 * cut off by being idle; a time to live counts from the creation, whatever goes on.
 */
export function nextExpiry(session: SessionRow, isWaiting: boolean): { readonly at: number; readonly expiry: Expiry } | undefined {
  const { idle_pause_s: pauseS, idle_suspend_s: suspendS, ttl_s: ttlS } = session.timeouts;
  const idleSince = session.lastActivityAt ?? session.startedAt ?? session.createdAt;
  const candidates: { at: number; expiry: Expiry }[] = [];
  if (ttlS !== undefined) candidates.push({ at: session.createdAt + ttlS * 1000, expiry: 'delete' });
  const mayRest = !isWaiting && session.phase !== 'none' && session.phase !== 'starting';
  if (mayRest && suspendS !== undefined && (session.desired === 'running' || session.desired === 'paused')) {
    candidates.push({ at: idleSince + suspendS * 1000, expiry: 'suspend' });
  }
  if (mayRest && pauseS !== undefined && session.desired === 'running') candidates.push({ at: idleSince + pauseS * 1000, expiry: 'pause' });
  return candidates.sort((a, b) => a.at - b.at)[0];
}

export const isWaiting = (view: View, session: SessionRow): boolean => view.hasUnanswered(session.id);

/** Does what a session's timeouts ask for by now, and answers with what that was. */
export function expireSession(id: SessionId, graceMs: number): Command<Expiry | undefined> {
  return {
    name: 'expire-session',
    decide({ view, now }) {
      const row = view.get('sessions', id);
      if (row === undefined || row.desired === 'deleted') return unchanged(undefined);
      const due = nextExpiry(row, isWaiting(view, row));
      if (due === undefined || due.at > now) return unchanged(undefined);
      if (due.expiry === 'delete') return { ...removalOf(view, row, 'its time to live is over', now), answer: due.expiry };
      const after = desiring(row, due.expiry === 'pause' ? 'paused' : 'suspended', graceMs, now);
      return { ...sessionBecomes(view, row, after), answer: due.expiry };
    },
  };
}
