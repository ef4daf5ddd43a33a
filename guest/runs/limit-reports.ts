import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { HostSide } from '../host/host-side.ts';
import type { LimitReached } from './worker-host.ts';

/** Minimum interval between reports of a limit that is reached repeatedly. */
const EVERY_MS = 60_000;

interface LimitReportDeps {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Returns a listener that reports the limits of the session's container that its agents reach. */
export function limitReports({ sessionId, clock, log }: LimitReportDeps, host: HostSide): (reached: LimitReached) => void {
  const reportedMs = new Map<string, number>();
  return ({ limit, value, agent }) => {
    const now = clock.monotonic();
    if (now - (reportedMs.get(limit) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return;
    reportedMs.set(limit, now);
    log.warn('session.limit-reached', { session: sessionId, limit, value, agent });
    host.send({ kind: 'limitReached', value: { sessionId, limit, value, agent } });
  };
}
