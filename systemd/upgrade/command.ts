/** `upgrade` of both daemons. */
import { parseArgs } from 'node:util';
import type { Clock } from '../../seams/clock.ts';
import { messageOf } from '../../seams/message-of.ts';
import { print } from '../../seams/print.ts';
import { hasSystemd } from '../install.ts';
import { dropGuard, GUARD_FLAG, raiseGuard } from './guard.ts';
import { onceUnlocked, whileLocked } from './lock.ts';
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
  /** The main file of this command. */
  readonly program: string;
  /** Returns what to do if the old version does not become ready either. */
  remedy(): Promise<string>;
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
  try {
    if (command.args.length === 1 && command.args[0] === GUARD_FLAG) return await goOn(command);
    const parsed = parse(command.args);
    if (typeof parsed !== 'string') return await upgrade(command, parsed);
    print(`${program}: ${parsed}`, 'stderr');
    return 2;
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
  // A closed terminal does not end it.
  process.on('SIGHUP', () => undefined);
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  return whileLocked(daemon, () => upgradeAlone(command, parsed));
}

/** What the guard does: waits for the process that upgrades, and ends its work if it did not. */
function goOn(command: UpgradeCommand): Promise<number> {
  const { daemon } = command;
  return onceUnlocked(daemon, async () => {
    const interrupted = await readUpgrade(daemon);
    if (interrupted !== undefined) await resume(interrupted, command);
    await dropGuard(daemon, true);
    return 0;
  });
}

async function upgradeAlone(command: UpgradeCommand, { spec, withinMs }: Parsed): Promise<number> {
  const { daemon, unit, program } = command;
  const interrupted = await readUpgrade(daemon);
  if (interrupted !== undefined) {
    const code = await resume(interrupted, command, spec === undefined);
    await dropGuard(daemon);
    if (code !== undefined) return code;
  }
  if (spec === undefined) throw new Error('no upgrade was interrupted. To begin one, name a package: a tarball, or raworc@VERSION');
  const from = await installedVersion(daemon);
  print(`Installing ${spec} beside ${from}…`);
  const to = await stage(spec);
  const wasHealthy = isHealthy(await systemdService(unit).state(), true);
  await raiseGuard(daemon, process.execPath, program);
  const outcome = await runUpgrade({ from, to, phase: 'switch', wasHealthy, withinMs }, depsOf(command, withinMs));
  await prune([from]);
  await dropGuard(daemon);
  return report(outcome, { from, to }, command);
}

/** Runs an interrupted upgrade to its end. Returns the exit code, or undefined if another can follow. */
async function resume(interrupted: Upgrade, command: UpgradeCommand, isLast = true): Promise<number | undefined> {
  print(`Continuing the upgrade from ${interrupted.from} to ${interrupted.to}, which was interrupted.`);
  const outcome = await runUpgrade(interrupted, depsOf(command, interrupted.withinMs));
  return isLast || outcome === 'broken' ? report(outcome, interrupted, command) : undefined;
}

const depsOf = ({ daemon, unit, clock }: UpgradeCommand, withinMs = HEALTH_TIMES.withinMs): UpgradeDeps => ({
  service: systemdService(unit),
  clock,
  times: { ...HEALTH_TIMES, withinMs },
  save: (record) => saveUpgrade(daemon, record),
  point: (version) => pointTo(daemon, version),
  report: ({ phase }) => print(`${DOING[phase]}…`),
});

async function installedVersion(daemon: Daemon): Promise<string> {
  const version = await versionOf(daemon);
  if (version !== undefined) return version;
  throw new Error(`the service is not installed, or an earlier release installed it. Run \`raworc-${daemon} install\` once`);
}

async function report(outcome: Outcome, { from, to }: Pick<Upgrade, 'from' | 'to'>, command: UpgradeCommand): Promise<number> {
  if (outcome === 'upgraded') print(`${to} runs. ${from} is kept beside it.`);
  else if (outcome === 'reverted')
    print(`${to} did not become healthy, so ${from} runs again. Read journalctl -u raworc-${command.daemon}.`, 'stderr');
  else print(`Neither ${to} nor ${from} becomes healthy. ${from} is in place. ${await command.remedy()}`, 'stderr');
  return outcome === 'upgraded' ? 0 : 1;
}
