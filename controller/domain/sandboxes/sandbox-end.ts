import type { Ages } from '../engine/agreed-time.ts';
import type { SessionRow } from '../sessions/rows.ts';
import type { SandboxRow } from './rows.ts';

type Clocked = Pick<SandboxRow, 'kind' | 'timeoutAt' | 'timeoutMs' | 'generation'>;

/** Whether its session was resumed otherwise since the timeout was set, so that its time begins anew. */
export const beginsAnew = (sandbox: Clocked, session: Pick<SessionRow, 'desired' | 'generation'>): boolean =>
  sandbox.kind === 'sandbox' && session.desired === 'running' && session.generation !== sandbox.generation;

/** Returns the time until a running sandbox ends; undefined while it rests, and for a snapshot. */
export function leftMs(sandbox: Clocked, session: Pick<SessionRow, 'desired'>, ages: Pick<Ages, 'ageMs'>): number | undefined {
  if (sandbox.kind === 'snapshot' || session.desired !== 'running') return undefined;
  return sandbox.timeoutMs - ages.ageMs(sandbox.timeoutAt);
}
