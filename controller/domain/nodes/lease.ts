/** How long a node may be away, and what then becomes of it. Durations in milliseconds. */
import type { Ages } from '../engine/agreed-time.ts';

export type NodeHealth = 'ready' | 'unreachable' | 'lost';

/** What the store keeps of a node's absence. Null: it is not so. */
export interface Absence {
  readonly unreachableSince: number | null;
  readonly lostAt: number | null;
}

export function nodeHealth(absence: Absence, isReady: boolean): NodeHealth {
  if (isReady) return 'ready';
  return absence.lostAt === null ? 'unreachable' : 'lost';
}

export interface AbsenceLimits {
  readonly leaseMs: number;
  readonly lostAfterMs: number;
}

/**
 * What is due of a node: a lease that nobody renewed makes it unreachable, and being so for too long makes it lost.
 * `watchedMs` is for how long this controller has been there to be reached, without a gap: whoever was not there to hear judges nobody.
 * A node that was away already gets two leases to come back to a controller that was away itself.
 */
export function absenceDue(
  absence: Absence,
  isConnected: boolean,
  ages: Pick<Ages, 'ageMs'>,
  watchedMs: number,
  { leaseMs, lostAfterMs }: AbsenceLimits,
): 'nothing' | 'unreachable' | 'lost' {
  if (isConnected || absence.lostAt !== null) return 'nothing';
  if (absence.unreachableSince === null) return watchedMs >= leaseMs ? 'unreachable' : 'nothing';
  const awayMs = ages.ageMs(absence.unreachableSince);
  return awayMs >= lostAfterMs && watchedMs >= Math.min(2 * leaseMs, lostAfterMs) ? 'lost' : 'nothing';
}

/**
 * How much of the time between two ticks nobody was listening: the process was stopped, its disk or the machine slept, or the
 * wall clock jumped. 0 for a tick that is about in time. `elapsedMs` is what either clock says, whichever is more: one of
 * them stands still while a machine sleeps.
 */
export function gapMs(elapsedMs: number, tickMs: number): number {
  return elapsedMs > 2 * tickMs ? elapsedMs - tickMs : 0;
}
