import type { SessionRow } from '../../../controller/domain/rows.ts';
import { BEGAN_AT } from './clock.ts';
import type { Cluster } from './cluster.ts';

/** For the command to come and to be decided, also where the applier could not at first. */
const SLACK_MS = 5000;

/**
 * What a session's timeouts ask for was done in time, by its row and the clock alone. Nothing is judged once the wall clock of the controller
 * was set: timers do not see that, and look again only from time to time.
 */
export function judgeTimeouts({ view, time, wall, violation }: Cluster, row: SessionRow): void {
  if (wall.skewMs !== 0) return;
  const { ttl_s: ttlS, idle_pause_s: pauseS, idle_suspend_s: suspendS } = row.timeouts;
  const isOverdue = (since: number, seconds: number | undefined) =>
    seconds !== undefined && BEGAN_AT + time.now > Math.max(since + seconds * 1000, row.updatedAt) + SLACK_MS;
  if (isOverdue(row.createdAt, ttlS)) violation(`${row.id} outlives the ${ttlS} s that it was to live`);
  const isUp = row.phase === 'running' || row.phase === 'paused';
  if (!isUp || view.isQueued(row.id)) return;
  const idleSince = row.lastActivityAt ?? row.startedAt ?? row.createdAt;
  if (row.desired === 'running' && isOverdue(idleSince, pauseS)) violation(`${row.id} was to be paused after ${pauseS} s of rest`);
  if ((row.desired === 'running' || row.desired === 'paused') && isOverdue(idleSince, suspendS))
    violation(`${row.id} was to be suspended after ${suspendS} s of rest`);
}
