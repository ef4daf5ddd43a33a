/** Decides how long a node can be absent, and what follows. Durations are in milliseconds. */
import type { Ages } from '../engine/agreed-time.ts';
import type { FleetNode } from '../engine/fleet.ts';

export type NodeHealth = 'ready' | 'degraded' | 'unreachable' | 'lost';

/** The stored state of a node's absence. Null: not absent. */
export interface Absence {
  readonly unreachableSince: number | null;
  readonly lostAt: number | null;
}

/**
 * Returns a node's status. Degraded: it is connected, but a problem that it reports keeps new
 * sessions away.
 */
export function nodeHealth(absence: Absence, { ready, unschedulable }: Pick<FleetNode, 'ready' | 'unschedulable'>): NodeHealth {
  if (ready) return unschedulable === undefined ? 'ready' : 'degraded';
  return absence.lostAt === null ? 'unreachable' : 'lost';
}

export interface AbsenceLimits {
  readonly leaseMs: number;
  readonly lostAfterMs: number;
}

/**
 * Returns what is due for a node: an unrenewed lease makes it unreachable, a long absence makes it
 * lost. `watchedMs` is how long this controller has run without a gap: a controller that did not
 * listen cannot tell that a node was silent. A node that was absent before gets two leases to
 * reconnect.
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
 * Returns for how much of the time between two ticks this process was not listening, because it was
 * stopped, its disk or the machine slept, or the wall clock jumped. 0 for a punctual tick.
 * `elapsedMs` is the larger of both clocks, because one of them stops while a machine sleeps.
 */
export function gapMs(elapsedMs: number, tickMs: number): number {
  return elapsedMs > 2 * tickMs ? elapsedMs - tickMs : 0;
}
