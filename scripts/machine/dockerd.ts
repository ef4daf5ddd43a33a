import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type Docker from 'dockerode';
import { placeIn } from '../places.ts';
import { Trouble } from '../program.ts';
import { findProgram, run } from './launch.ts';
import { commandOf, othersAtWork, untilGone } from './process.ts';

const logFileIn = (dataDir: string) => join(dataDir, 'logs', 'dockerd.log');
const ownPidFile = (dataDir: string) => join(placeIn(dataDir, 'run'), 'dockerd.pid');

/** Whether `startDocker` has ever started a dockerd itself for this data directory, and could again. */
export const hasOwnDockerd = (dataDir: string): boolean =>
  existsSync(logFileIn(dataDir)) && !existsSync('/run/systemd/system') && findProgram('dockerd') !== undefined;

/** Returns the process that a pid file names, if it is a dockerd. */
function dockerdIn(pidFile: string): number | undefined {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  return commandOf(pid)[0]?.endsWith('dockerd') ? pid : undefined;
}

/**
 * Starts Docker with systemd. Without systemd, starts dockerd directly, unless one is already
 * starting, as after its installation.
 */
export async function startDocker(dataDir: string, socket: string): Promise<void> {
  const logFile = join(placeIn(dataDir, 'logs'), 'dockerd.log');
  if (existsSync('/run/systemd/system')) return run('systemctl', ['start', 'docker'], { logFile, remedy: 'see journalctl -u docker' });
  if (dockerdIn('/var/run/docker.pid') !== undefined) return;
  const program = findProgram('dockerd');
  if (program === undefined)
    throw new Trouble('Docker is not running, and there is no dockerd to start', 'start Docker, then run this again');
  const log = openSync(logFile, 'a', 0o600);
  // Detached, so that Ctrl-C on the terminal does not stop it before the sessions.
  const child = spawn(program, ['-H', `unix://${socket}`], { detached: true, stdio: ['ignore', log, log] });
  child.on('error', () => undefined); // The wait for the socket reports the failure.
  child.unref();
  if (child.pid !== undefined) writeFileSync(ownPidFile(dataDir), String(child.pid));
}

/** Stops the dockerd that `startDocker` started, unless somebody uses it. */
export async function stopOwnDockerd(dataDir: string, docker: Docker): Promise<void> {
  const pid = dockerdIn(ownPidFile(dataDir));
  if (pid !== undefined) {
    if (othersAtWork() || (await docker.listContainers()).length > 0) return;
    process.kill(pid, 'SIGTERM');
    await untilGone(pid, 20_000);
  }
  rmSync(ownPidFile(dataDir), { force: true });
}
