import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../seams/system.ts';
import type { Outcome, Upgrade } from '../../systemd/upgrade/phases.ts';
import { HEALTH_TIMES, runUpgrade } from '../../systemd/upgrade/run-upgrade.ts';
import { type Daemon, pointTo, versionOf } from '../../systemd/upgrade/versions.ts';
import type { Supervisor } from './supervisor.ts';

/** Of a version that is up and never reaches a controller. */
export const SILENT = `require('node:child_process').execFileSync('systemd-notify', ['READY=1']); setInterval(() => {}, 1000);`;

/** Adds a version whose programs are this script. */
export function addVersion(root: string, name: string, script: string): string {
  const directory = join(root, 'versions', name);
  mkdirSync(directory);
  symlinkSync(process.execPath, join(directory, 'node'));
  for (const daemon of ['node-agent', 'controller']) writeFileSync(join(directory, daemon), script);
  return name;
}

/** What the command `upgrade` does once the version is there. */
export async function upgrade(
  daemon: Daemon,
  root: string,
  service: Supervisor,
  to: string,
  withinMs = HEALTH_TIMES.withinMs,
): Promise<Outcome> {
  const from = (await versionOf(daemon, root)) ?? '';
  const { status } = await service.state();
  const begun: Upgrade = { from, to, phase: 'switch', wasHealthy: status.startsWith('connected') };
  return runUpgrade(begun, {
    service,
    clock: systemClock,
    times: { ...HEALTH_TIMES, withinMs, steadyMs: 1000, lookEveryMs: 100 },
    save: async () => undefined,
    point: (version) => pointTo(daemon, version, root),
    report: () => undefined,
  });
}
