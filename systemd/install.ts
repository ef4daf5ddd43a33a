import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const UNITS = '/etc/systemd/system';
/** Starting includes the wait for READY=1, which the units bound. */
const SYSTEMCTL_MS = 700_000;

const systemctl = (...args: readonly string[]) => promisify(execFile)('systemctl', [...args], { timeout: SYSTEMCTL_MS });

/** Whether systemd manages this machine. */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system');

/** Writes a unit, enables it and starts it, or restarts it. Returns its file once the daemon is ready. */
export async function installUnit(name: string, text: string): Promise<string> {
  const file = join(UNITS, name);
  writeFileSync(file, text, { mode: 0o644 });
  await systemctl('daemon-reload');
  await systemctl('enable', name);
  // Earlier failures do not count. Without any, systemd can refuse.
  await systemctl('reset-failed', name).catch(() => undefined);
  await systemctl('restart', name);
  return file;
}

/** Stops a unit. Returns whether it ran, or was about to. */
export async function stopUnit(name: string): Promise<boolean> {
  const { stdout } = await systemctl('show', '--property=ActiveState', '--value', name);
  if (!['active', 'activating', 'reloading'].includes(stdout.trim())) return false;
  await systemctl('stop', name);
  return true;
}

export async function startUnit(name: string): Promise<void> {
  await systemctl('start', name);
}

/**
 * Stops, disables and removes a unit. Returns false if it was not installed. One that removes itself
 * cannot wait until it is stopped.
 */
export async function uninstallUnit(name: string, { stops = true } = {}): Promise<boolean> {
  const file = join(UNITS, name);
  if (!existsSync(file)) return false;
  await systemctl('disable', ...(stops ? ['--now'] : []), name);
  rmSync(file);
  await systemctl('daemon-reload');
  return true;
}
