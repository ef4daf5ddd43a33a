import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Clock, pause } from '../../seams/clock.ts';
import { NODE_AGENT_SETTINGS } from '../../settings/names.ts';
import { installUnit } from '../../systemd/install.ts';
import { settingsOfShell } from '../../systemd/shell-settings.ts';
import { isHealthy } from '../../systemd/upgrade/run-upgrade.ts';
import { systemdService } from '../../systemd/upgrade/service.ts';
import { adopt, startOf } from '../../systemd/upgrade/versions.ts';
import { FILE } from '../configured.ts';
import { FLAG_OPTIONS } from '../flags.ts';
import { nodeAgentUnit, UNIT } from './unit.ts';

const CONNECTS_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 200;
const PATHS = ['data', 'run-dir', 'docker-socket'];
/** They are used by the join. */
const LEFT_OUT = ['token', 'token-file', 'label'];

/** Returns the flags with which the service runs: those given, with absolute paths, without the token. */
export function serviceArgs(given: readonly string[], file: string | undefined): readonly string[] {
  const { config: _config, ...values } = parseArgs({ args: [...given], options: { ...FLAG_OPTIONS, config: { type: 'string' } } }).values;
  const flags = Object.entries(values).filter(([flag]) => !LEFT_OUT.includes(flag));
  return [
    ...(file === undefined ? [] : [`--config=${file}`]),
    ...flags.map(([flag, value]) => `--${flag}=${PATHS.includes(flag) ? resolve(String(value)) : value}`),
  ];
}

/**
 * Returns the unit of this node agent, which starts these files, or with `isVersioned` the version
 * in place. Throws if it would lack settings of this shell.
 */
export function ownUnit(given: readonly string[], file: string | undefined, isVersioned = false): string {
  const problem = settingsOfShell(process.env, NODE_AGENT_SETTINGS, file ?? FILE);
  if (problem !== undefined) throw new Error(problem);
  const { node, program } = isVersioned ? startOf('node-agent') : { node: process.execPath, program: ownProgram() };
  return nodeAgentUnit(node, program, serviceArgs(given, file));
}

/** Puts this version in place, and installs and starts its unit. Returns the unit's file. */
export async function installOwn(unit: string): Promise<string> {
  await adopt('node-agent', process.execPath, ownProgram());
  return installUnit(UNIT, unit);
}

/** Resolves with whether the service connects to its controller within half a minute. */
export async function reachesController(clock: Clock): Promise<boolean> {
  const service = systemdService(UNIT);
  const endsAtMs = clock.monotonic() + CONNECTS_WITHIN_MS;
  while (clock.monotonic() < endsAtMs) {
    if (isHealthy(await service.state(), true)) return true;
    await pause(clock, LOOK_EVERY_MS);
  }
  return false;
}

const ownProgram = () => fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
