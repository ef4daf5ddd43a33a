import type { SessionId } from '../../domain/engine/ids.ts';
import { expireSession, isWaiting, nextExpiry } from '../../domain/sessions/commands/expire-session.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Background } from '../engine/background.ts';
import { type Due, type Loop, pageByPage } from '../engine/loop.ts';
import type { OpenUses } from '../streams/open-uses.ts';

/** Sessions that expire together share commits. */
const AT_ONCE = 64;

type ExpiryDeps = Pick<Background, 'loops' | 'applier' | 'view' | 'log'> & { readonly uses: Pick<OpenUses, 'isUsed' | 'onEnd'> };

/**
 * Applies session timeouts. A run checks one session, and each commit that touches the session
 * wakes it, as does the end of its last use. Deadlines follow from the rows alone: after a restart, a pass over all sessions with
 * timeouts (`all`) applies what became due. The command checks again, so extra runs do no harm.
 * `graceMs` is the grace period of a run in progress when its session is suspended.
 */
export function expiryLoop({ loops, applier, view, log, uses }: ExpiryDeps, graceMs: number): Loop<SessionId | 'all'> {
  const wakePage = pageByPage(view.sessionsWithTimeouts, ({ id }) => loop.wake(id));

  /** Most runs only check: a command costs a commit. */
  function expire(id: SessionId): Due | Promise<Due> {
    const row = view.get('sessions', id);
    if (row === undefined || !hasTimeouts(row)) return undefined;
    const due = nextExpiry(row, uses.isUsed(id) || isWaiting(view, row), applier.time);
    if (due === undefined) return undefined;
    // A timer can fire slightly early. Waiting at least 1 ms sets it again.
    if (due.leftMs > 0) return Math.max(due.leftMs, 1);
    return applier.apply(expireSession(id, graceMs, () => uses.isUsed(id))).then((expiry) => {
      if (expiry === undefined) return 1;
      log.info('session.expired', { session: id, expiry });
      return undefined;
    });
  }

  const loop = loops.open<SessionId | 'all'>({
    name: 'expiry',
    first: { key: 'all' },
    concurrency: AT_ONCE,
    run: (key) => (key === 'all' ? wakePage() : expire(key)),
  });
  applier.onCommitted(({ mutations }) => {
    for (const mutation of mutations) {
      if (mutation.kind !== 'put' || mutation.table !== 'sessions') continue;
      if (hasTimeouts(mutation.row)) loop.wake(mutation.row.id);
      else loop.forget(mutation.row.id);
    }
  });
  uses.onEnd((id) => loop.wake(id));
  return loop;
}

const hasTimeouts = ({ desired, timeouts }: SessionRow): boolean => desired !== 'deleted' && Object.keys(timeouts).length > 0;
