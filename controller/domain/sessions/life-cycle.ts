import type { SessionObject } from '../../contract/sessions.ts';
import type { Desired, Phase, SessionRow } from './rows.ts';

export type RestState = SessionObject['state'];

/**
 * What REST calls a session, by what it should be and what its node says it is. Deleted sessions are shown to nobody.
 * While the two differ, `settled` is false and the row says where it is going; only `running` tells how far it has come.
 */
const STATES: Readonly<Record<Exclude<Desired, 'deleted'>, Readonly<Record<Phase, RestState | 'idle or busy'>>>> = {
  running: {
    none: 'init',
    starting: 'init',
    running: 'idle or busy',
    // It is all there, and only frozen yet.
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
  /** Undefined: either way. */
  readonly busy?: boolean;
}

/** The rows that {@link restState} calls so: the same table, read backwards, for lists that filter by state. */
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

/** What is = what should be, and the node has said so of this very generation. */
export function isSettled(session: Pick<SessionRow, 'desired' | 'phase' | 'observedGeneration' | 'generation'>): boolean {
  if (session.desired === 'deleted') return session.phase === 'none';
  return session.phase === SETTLED[session.desired] && session.observedGeneration === session.generation;
}

/** Whether a session takes up its requests on its node. A suspended one keeps its volume there, and needs room only when it resumes. */
export function occupiesRoom(session: SessionRow): boolean {
  return session.nodeId !== null && (session.desired === 'running' || session.desired === 'paused');
}
