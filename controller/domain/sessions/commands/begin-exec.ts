import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { LEGAL } from '../legal.ts';
import { restState } from '../life-cycle.ts';
import { NO_SESSION } from '../refusals.ts';
import type { SessionRow } from '../rows.ts';
import { sessionBecomes } from '../session-change.ts';
import { atStart, desiring, loweredEvents, refusedWaking } from './change-desired.ts';

export interface NewExec {
  readonly sessionId: SessionId;
  readonly wake: boolean;
  readonly user: string;
  /** The command as the event shows it; undefined: not shown. */
  readonly shown: string | undefined;
}

/**
 * Records that a caller runs a command in a session, which counts as activity, and wakes the
 * session if it rests.
 */
export function beginExec({ sessionId, wake, user, shown }: NewExec): Command<Outcome<SessionRow>> {
  return {
    name: 'begin-exec',
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
            `The session is in state ${restState(row)}: resume it, or send the command without wake=false (\`raworc exec --no-wake\`).`,
          ),
        );
      const next = wakes ? atStart(view, fleet, row) : row;
      const refusal = wakes ? refusedWaking(view, fleet, next) : undefined;
      if (refusal !== undefined) return unchanged(refusal);
      const after = { ...(wakes ? desiring(next, 'running', 0, now) : row), lastActivityAt: now };
      const { mutations, events } = sessionBecomes(view, row, after);
      const space = view.get('spaces', row.spaceId)?.name ?? '';
      const data = { space, session_id: sessionId, user, ...(shown === undefined ? {} : { command: shown }) };
      return {
        mutations,
        events: [...events, ...loweredEvents(view, row, after), { type: 'session.exec', spaceId: row.spaceId, sessionId, data }],
        result: accepted(after),
      };
    },
  };
}

/** Postpones the idle timeouts of a session in which a command runs or has just ended. */
export function touchSession(sessionId: SessionId): Command<void> {
  return {
    name: 'touch-session',
    decide({ view, now }) {
      const row = view.get('sessions', sessionId);
      if (row === undefined || row.desired !== 'running') return unchanged(undefined);
      return { ...sessionBecomes(view, row, { ...row, lastActivityAt: now }), result: undefined };
    },
  };
}
