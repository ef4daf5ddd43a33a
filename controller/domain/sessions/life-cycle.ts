import type { SessionObject } from '../../contract/sessions.ts';
import type { Desired, Phase, SessionRow } from './rows.ts';

export type RestState = SessionObject['state'];

/**
 * The REST state of a session, by its desired state and its node's report. Deleted sessions are
 * never shown. While the two differ, `settled` is false and the state is the one that the session
 * is moving to; only `running` shows its progress.
 */
const STATES: Readonly<Record<Exclude<Desired, 'deleted'>, Readonly<Record<Phase, RestState | 'idle or busy'>>>> = {
  running: {
    none: 'init',
    starting: 'init',
    running: 'idle or busy',
    // The copy is complete, but the session is still frozen.
    paused: 'idle or busy',
    suspended: 'init',
    failed: 'init',
  },
  paused: { none: 'paused', starting: 'paused', running: 'paused', paused: 'paused', suspended: 'paused', failed: 'paused' },
  suspended: {
    none: 'suspended',
    starting: 'suspended',
    running: 'suspended',
    paused: 'suspended',
    suspended: 'suspended',
    failed: 'suspended',
  },
  failed: { none: 'error', starting: 'error', running: 'error', paused: 'error', suspended: 'error', failed: 'error' },
};

export function restState(session: Pick<SessionRow, 'desired' | 'phase' | 'outstanding'>): RestState {
  if (session.desired === 'deleted') return 'error';
  const state = STATES[session.desired][session.phase];
  if (state !== 'idle or busy') return state;
  return session.outstanding > 0 ? 'busy' : 'idle';
}

export interface RowsOfState {
  readonly desired: Desired;
  readonly phase: Phase;
  /** Undefined matches both. */
  readonly busy?: boolean;
}

/**
 * Returns the rows that {@link restState} maps to this state: the same table backwards, for lists
 * that filter by state.
 */
export function rowsOfState(wanted: string): readonly RowsOfState[] {
  const rows: RowsOfState[] = [];
  for (const [desired, phases] of Object.entries(STATES)) {
    for (const [phase, state] of Object.entries(phases)) {
      const row = { desired: desired as Desired, phase: phase as Phase };
      if (state === wanted) rows.push(row);
      else if (state === 'idle or busy' && (wanted === 'idle' || wanted === 'busy')) rows.push({ ...row, busy: wanted === 'busy' });
    }
  }
  return rows;
}

const SETTLED: Readonly<Record<Exclude<Desired, 'deleted'>, Phase>> = {
  running: 'running',
  paused: 'paused',
  suspended: 'suspended',
  failed: 'failed',
};

/** Whether the node has reported the desired state for this generation. */
export function isSettled(session: Pick<SessionRow, 'desired' | 'phase' | 'observedGeneration' | 'generation'>): boolean {
  if (session.desired === 'deleted') return session.phase === 'none';
  return session.phase === SETTLED[session.desired] && session.observedGeneration === session.generation;
}

/**
 * Whether a session occupies room on its node. A suspended one keeps its volume there, and needs
 * room only when it resumes.
 */
export function occupiesRoom(session: SessionRow): boolean {
  return session.nodeId !== null && (session.desired === 'running' || session.desired === 'paused');
}
