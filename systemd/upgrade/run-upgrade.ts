import { type Clock, pause } from '../../seams/clock.ts';
import { isPhase, nextPhase, type Outcome, type Upgrade, versionIn } from './phases.ts';
import type { Service, ServiceState } from './service.ts';

export interface UpgradeDeps {
  readonly service: Service;
  readonly clock: Clock;
  readonly times: HealthTimes;
  /** Makes the record of an upgrade durable. Undefined: none is in progress. */
  save(upgrade: Upgrade | undefined): Promise<void>;
  /** Makes the daemon's next start use this version, by one rename. */
  point(version: string): Promise<void>;
  /** Reports progress to the operator. */
  report(upgrade: Upgrade): void;
}

export interface HealthTimes {
  /** A new version has this long to become ready, and then as long to become healthy. */
  readonly withinMs: number;
  /** The old version has this long to become ready again. */
  readonly backWithinMs: number;
  /** It must stay healthy for this long. */
  readonly steadyMs: number;
  readonly lookEveryMs: number;
}

/** Longer than TimeoutStartSec= and TimeoutStopSec= of the units together. */
const RESTART_MS = 700_000;

export const HEALTH_TIMES: HealthTimes = { withinMs: 60_000, backWithinMs: RESTART_MS, steadyMs: 5000, lookEveryMs: 500 };

/**
 * Runs an upgrade from its phase to its end. If this process is killed, the daemon has one whole
 * version, and a call with the recorded upgrade continues.
 */
export async function runUpgrade(begun: Upgrade, deps: UpgradeDeps): Promise<Outcome> {
  for (let upgrade = begun; ; ) {
    await deps.save(upgrade);
    deps.report(upgrade);
    const next = nextPhase(upgrade.phase, await succeeds(upgrade, deps));
    if (!isPhase(next)) {
      await deps.save(undefined);
      return next;
    }
    upgrade = { ...upgrade, phase: next };
  }
}

async function succeeds(upgrade: Upgrade, deps: UpgradeDeps): Promise<boolean> {
  switch (upgrade.phase) {
    case 'switch':
    case 'switch-back':
      return deps.point(versionIn(upgrade)).then(
        () => true,
        () => false,
      );
    case 'restart':
      return deps.service.restart(deps.times.withinMs);
    case 'restart-back':
      return deps.service.restart(deps.times.backWithinMs);
    case 'check':
    case 'check-back':
      return becomesHealthy(upgrade.wasHealthy, deps);
    default:
      return upgrade.phase satisfies never;
  }
}

export const isHealthy = ({ isActive, status }: ServiceState, needsStatus: boolean): boolean =>
  isActive && (!needsStatus || status.startsWith(HEALTHY));

/** How the status text of a daemon begins that does its work. */
export const HEALTHY = 'connected';

/** Resolves with whether the service became healthy in time, and stayed so without a restart. */
async function becomesHealthy(needsStatus: boolean, { service, clock, times }: UpgradeDeps): Promise<boolean> {
  const endsAtMs = clock.monotonic() + times.withinMs;
  let since: { readonly atMs: number; readonly restarts: number } | undefined;
  for (;;) {
    const state = await service.state();
    const nowMs = clock.monotonic();
    if (!isHealthy(state, needsStatus)) since = undefined;
    else if (since?.restarts !== state.restarts) since = { atMs: nowMs, restarts: state.restarts };
    else if (nowMs - since.atMs >= times.steadyMs) return true;
    if (nowMs >= endsAtMs && since === undefined) return false;
    // One that restarts again and again is healthy at moments.
    if (nowMs >= endsAtMs + times.steadyMs) return false;
    await pause(clock, times.lookEveryMs);
  }
}
