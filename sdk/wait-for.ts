import type { Environment } from './environment.ts';
import { NothingToCome } from './errors.ts';
import { type EventFeed, type FeedOptions, sessionIn } from './event-feed.ts';
import type { Operations } from './generated/operations.gen.ts';
import type { Session } from './generated/types.gen.ts';

/** A state, or a condition on the session. */
export type Wanted = Session['state'] | ((session: Session) => boolean);

interface Watching {
  readonly sessions: Pick<Operations['sessions'], 'get'>;
  readonly open: (options: FeedOptions & { readonly session: string }) => Promise<EventFeed>;
  readonly environment: Environment;
}

/** See Raworc.waitFor. */
export async function waitForSession(
  { sessions, open, environment }: Watching,
  id: string,
  wanted: Wanted,
  { signal, timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
): Promise<Session> {
  const late = new AbortController();
  const what = typeof wanted === 'function' ? 'as expected' : wanted;
  const giveUp = () => late.abort(new DOMException(`Session ${id} was not ${what} within ${timeoutMs} ms`, 'TimeoutError'));
  const cancel = timeoutMs === undefined ? () => undefined : environment.after(timeoutMs, giveUp);
  const ending = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
  try {
    // The stream is opened first, so that no change after the read is missed.
    const feed = await open({ session: id, signal: ending });
    try {
      for (let now: Session | undefined = await sessions.get(id, { signal: ending }); ; ) {
        if (now !== undefined && isWanted(now, wanted)) return now;
        const heard = await feed.next();
        if (heard === undefined) throw new NothingToCome('The session was deleted');
        now = heard.kind === 'reset' ? await sessions.get(id, { signal: ending }) : sessionIn(heard);
      }
    } finally {
      await feed.close();
    }
  } finally {
    cancel();
  }
}

function isWanted(session: Session, wanted: Wanted): boolean {
  if (typeof wanted === 'function') return wanted(session);
  if (session.state === 'error' && wanted !== 'error') {
    throw new NothingToCome(`The session failed: ${session.termination_reason ?? 'the server gave no reason'}`);
  }
  return session.state === wanted;
}
