import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { View } from '../../engine/view.ts';
import type { EventType, NewEvent } from '../../events/events.ts';
import { LEGAL } from '../legal.ts';
import { restState } from '../life-cycle.ts';
import { NO_SESSION } from '../refusals.ts';
import type { SessionRow } from '../rows.ts';
import { sessionBecomes } from '../session-change.ts';
import { atStart, desiring, loweredEvents, refusedWaking } from './change-desired.ts';

/** What a use of a session tells watchers, besides its space, its session and its user. */
export interface UseEvent {
  readonly type: Extract<EventType, `session.${string}`>;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface NewUse {
  readonly sessionId: SessionId;
  /** Whether a session that rests is resumed. */
  readonly wake: boolean;
  readonly user: string;
  readonly event?: UseEvent | undefined;
}

/**
 * Records that a caller uses a session, which counts as activity, and wakes the session if it
 * rests.
 */
export function beginUse({ sessionId, wake, user, event }: NewUse): Command<Outcome<SessionRow>> {
  return {
    name: 'begin-use',
    decide({ view, fleet, now }) {
      const row = view.get('sessions', sessionId);
      if (row === undefined || row.desired === 'deleted') return unchanged(NO_SESSION);
      const legality = LEGAL[row.desired].message;
      if (legality === 'conflict')
        return unchanged(
          refused('CONFLICT', `The session is in state error (${row.reason ?? 'no reason recorded'}): recover it or create a new one.`),
        );
      const wakes = legality === 'wakes';
      if (wakes && !wake)
        return unchanged(
          refused(
            'CONFLICT',
            `The session is in state ${restState(row)}: resume it, or send the request without wake=false (in the CLI: without --no-wake).`,
          ),
        );
      const next = wakes ? atStart(view, fleet, row) : row;
      const refusal = wakes ? refusedWaking(view, fleet, next) : undefined;
      if (refusal !== undefined) return unchanged(refusal);
      const after = { ...(wakes ? desiring(next, 'running', 0, now) : row), lastActivityAt: now };
      const { mutations, events } = sessionBecomes(view, row, after);
      const told = event === undefined ? [] : [eventOf(view, row, user, event)];
      return { mutations, events: [...events, ...loweredEvents(view, row, after), ...told], result: accepted(after) };
    },
  };
}

/** Tells watchers what became of a use, if its session still exists. */
export function tellOfUse(sessionId: SessionId, user: string, event: UseEvent): Command<void> {
  return {
    name: 'tell-of-use',
    decide({ view }) {
      const row = view.get('sessions', sessionId);
      if (row === undefined || row.desired === 'deleted') return unchanged(undefined);
      return { mutations: [], events: [eventOf(view, row, user, event)], result: undefined };
    },
  };
}

/**
 * Postpones the idle timeouts of a session that is in use or was until now. It can have been paused
 * meanwhile.
 */
export function touchSession(sessionId: SessionId): Command<void> {
  return {
    name: 'touch-session',
    decide({ view, now }) {
      const row = view.get('sessions', sessionId);
      if (row?.desired !== 'running' && row?.desired !== 'paused') return unchanged(undefined);
      return { ...sessionBecomes(view, row, { ...row, lastActivityAt: now }), result: undefined };
    },
  };
}

function eventOf(view: View, { id: sessionId, spaceId }: SessionRow, user: string, { type, data = {} }: UseEvent): NewEvent {
  const space = view.get('spaces', spaceId)?.name ?? '';
  return { type, spaceId, sessionId, data: { space, session_id: sessionId, user, ...data } };
}
