/** `upgrade` of both daemons. */
import { parseArgs } from 'node:util';
import type { Clock } from '../../seams/clock.ts';
import { messageOf } from '../../seams/message-of.ts';
import { print } from '../../seams/print.ts';
import { hasSystemd } from '../install.ts';
import { whileLocked } from './lock.ts';
import type { Outcome, Phase, Upgrade } from './phases.ts';
import { readUpgrade, saveUpgrade } from './record.ts';
import { HEALTH_TIMES, isHealthy, runUpgrade, type UpgradeDeps } from './run-upgrade.ts';
import { systemdService } from './service.ts';
import { type Daemon, pointTo, prune, stage, versionOf } from './versions.ts';

export interface UpgradeCommand {
  readonly daemon: Daemon;
  readonly unit: string;
  readonly args: readonly string[];
  readonly clock: Clock;
  /** What to do if the old version does not become ready either. */
  readonly remedy: string;
}

const DOING: Readonly<Record<Phase, string>> = {
  switch: 'Switching to it',
  restart: 'Restarting, and waiting until it is ready',
  check: 'Checking that it stays healthy',
  'switch-back': 'It did not become healthy. Switching back',
  'restart-back': 'Restarting the old version',
  'check-back': 'Checking the old version',
};

/** Runs `upgrade [PACKAGE] [--within SECONDS]`, and resolves with the exit code. */
export async function upgradeCommand(command: UpgradeCommand): Promise<number> {
  const program = `raworc-${command.daemon}`;
  const parsed = parse(command.args);
  if (typeof parsed === 'string') {
    print(`${program}: ${parsed}`, 'stderr');
    return 2;
  }
  try {
    return await upgrade(command, parsed);
  } catch (error) {
    print(`${program}: ${messageOf(error)}`, 'stderr');
    return 1;
  }
}

interface Parsed {
  readonly spec: string | undefined;
  readonly withinMs: number;
}

function parse(args: readonly string[]): Parsed | string {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: { within: { type: 'string' } }, allowPositionals: true });
    const seconds = Number(values.within ?? HEALTH_TIMES.withinMs / 1000);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > 3600) return '--within must be an integer from 1 to 3600';
    if (positionals.length > 1) return `upgrade accepts one package, not ${positionals.join(' ')}`;
    return { spec: positionals[0], withinMs: seconds * 1000 };
  } catch (error) {
    return messageOf(error);
  }
}

async function upgrade(command: UpgradeCommand, parsed: Parsed): Promise<number> {
  const { daemon } = command;
  if (!hasSystemd())
    throw new Error('systemd does not manage this machine. Install the new package, and restart the daemon under your own supervisor');
  await installedVersion(daemon);
  // A closed terminal does not end it: nobody would continue it.
  process.on('SIGHUP', () => undefined);
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  return whileLocked(daemon, () => upgradeAlone(command, parsed));
}

async function upgradeAlone(command: UpgradeCommand, { spec, withinMs }: Parsed): Promise<number> {
  const { daemon, unit, clock } = command;
  const deps: UpgradeDeps = {
    service: systemdService(unit),
    clock,
    times: { ...HEALTH_TIMES, withinMs },
    save: (record) => saveUpgrade(daemon, record),
    point: (version) => pointTo(daemon, version),
    report: ({ phase }) => print(`${DOING[phase]}…`),
  };
  const interrupted = await readUpgrade(daemon);
  if (interrupted !== undefined) {
    print(`Continuing the upgrade from ${interrupted.from} to ${interrupted.to}, which was interrupted.`);
    const outcome = await runUpgrade(interrupted, deps);
    if (spec === undefined || outcome === 'broken') return report(outcome, interrupted, command);
  }
  if (spec === undefined) throw new Error('no upgrade was interrupted. To begin one, name a package: a tarball, or raworc@VERSION');
  const from = await installedVersion(daemon);
  print(`Installing ${spec} beside ${from}…`);
  const to = await stage(spec);
  const wasHealthy = isHealthy(await deps.service.state(), true);
  const outcome = await runUpgrade({ from, to, phase: 'switch', wasHealthy }, deps);
  await prune([from]);
  return report(outcome, { from, to }, command);
}

async function installedVersion(daemon: Daemon): Promise<string> {
  const version = await versionOf(daemon);
  if (version !== undefined) return version;
  throw new Error(`the service is not installed, or an earlier release installed it. Run \`raworc-${daemon} install\` once`);
}

function report(outcome: Outcome, { from, to }: Pick<Upgrade, 'from' | 'to'>, { daemon, remedy }: UpgradeCommand): number {
  if (outcome === 'upgraded') print(`${to} runs. ${from} is kept beside it.`);
  else if (outcome === 'reverted')
    print(`${to} did not become healthy, so ${from} runs again. Read journalctl -u raworc-${daemon}.`, 'stderr');
  else print(`Neither ${to} nor ${from} becomes healthy. ${from} is in place. ${remedy}`, 'stderr');
  return outcome === 'upgraded' ? 0 : 1;
}
