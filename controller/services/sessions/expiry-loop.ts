import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { expireSession, isWaiting, nextExpiry } from '../../domain/sessions/commands/expire-session.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Applier } from '../engine/applier.ts';

/** A machine may sleep, and timers do not see it: what is far away is looked at again from time to time. */
const LOOK_AGAIN_MS = 10 * 60_000;
const ROWS_AT_ONCE = 500;
/** Between two tries, where the applier could not decide. */
const RETRY_MS = 1_000;

export interface IdleWatchNeeds {
  readonly applier: Applier;
  readonly view: View;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a running message may go on when its session is suspended. */
  readonly graceMs: number;
}

/**
 * Applies sessions' timeouts when they are due: one timer for each session that has any, reset by each commit that touches the session.
 * What is due follows from the rows alone, so a restart does not change it, and what became due meanwhile is applied at once. The command
 * checks again, so a wrong timer does no harm.
 */
export class IdleWatch {
  readonly #needs: IdleWatchNeeds;
  readonly #timers = new Map<SessionId, Timer>();
  #starting: Timer | undefined;
  #closed = false;

  constructor(needs: IdleWatchNeeds) {
    this.#needs = needs;
    needs.applier.onCommitted(({ mutations }) => {
      const touched = new Map<SessionId, SessionRow>();
      for (const mutation of mutations)
        if (mutation.kind === 'put' && mutation.table === 'sessions') touched.set(mutation.row.id, mutation.row);
      for (const row of touched.values()) this.#look(row);
    });
  }

  /** Begins with the sessions that are there already. */
  start(): void {
    this.#lookAtSome('');
  }

  /** A page at a time, so that the others are served in between. */
  #lookAtSome(after: string): void {
    if (this.#closed) return;
    const rows = this.#needs.view.sessionsWithTimeouts(after, ROWS_AT_ONCE);
    for (const row of rows) if (!this.#timers.has(row.id)) this.#look(row);
    const last = rows.at(-1);
    if (last !== undefined && rows.length === ROWS_AT_ONCE) this.#starting = this.#needs.clock.soon(() => this.#lookAtSome(last.id));
  }

  close(): void {
    this.#closed = true;
    this.#starting?.cancel();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #look(row: SessionRow): void {
    this.#timers.get(row.id)?.cancel();
    this.#timers.delete(row.id);
    if (this.#closed || row.desired === 'deleted' || Object.keys(row.timeouts).length === 0) return;
    const due = nextExpiry(row, isWaiting(this.#needs.view, row), this.#needs.applier.time);
    if (due === undefined) return;
    // At least one: a timer may come a little early, and is then set again.
    const delayMs = Math.min(Math.max(due.leftMs, 1), LOOK_AGAIN_MS);
    this.#after(row.id, delayMs);
  }

  #after(id: SessionId, delayMs: number): void {
    const timer = this.#needs.clock.after(delayMs, () => {
      this.#timers.delete(id);
      this.#due(id);
    });
    this.#timers.set(id, timer);
  }

  /** Most timers only look again: a command, and the commit that it costs, is for what is due. */
  #due(id: SessionId): void {
    const { view, applier } = this.#needs;
    const row = view.get('sessions', id);
    if (row === undefined || this.#closed) return;
    const due = nextExpiry(row, isWaiting(view, row), applier.time);
    if (due !== undefined && due.leftMs > 0) this.#look(row);
    else void this.#expire(id);
  }

  async #expire(id: SessionId): Promise<void> {
    const { applier, view, log, graceMs } = this.#needs;
    try {
      const expiry = await applier.apply(expireSession(id, graceMs));
      if (expiry !== undefined) log.info('session.expired', { session: id, expiry });
    } catch {
      // Said by the applier. A closed one is the end of this, too.
      if (!this.#closed && !this.#timers.has(id)) this.#after(id, RETRY_MS);
      return;
    }
    const row = view.get('sessions', id);
    if (row !== undefined && !this.#timers.has(id)) this.#look(row);
  }
}
