import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type Docker from 'dockerode';
import { placeIn } from '../places.ts';
import { Trouble } from '../trouble.ts';
import { commandOf, isAlive, untilGone } from './process.ts';
import { findProgram, run } from './run.ts';

const pidFile = '/var/run/docker.pid';
const ours = (dataDir: string) => join(placeIn(dataDir, 'run'), 'dockerd.pid');

/** Has the machine's service manager start Docker. False where there is none. */
export async function startService(dataDir: string): Promise<boolean> {
  const logFile = join(placeIn(dataDir, 'logs'), 'dockerd.log');
  if (existsSync('/run/systemd/system')) return (await run('systemctl', ['start', 'docker'], { logFile })) === 0;
  const sysvinit = commandOf(1)[0]?.endsWith('init') === true && existsSync('/etc/inittab') && existsSync('/etc/init.d/docker');
  return sysvinit && (await run('service', ['docker', 'start'], { logFile })) === 0;
}

/** Whether a dockerd lives that does not answer yet, as right after its package was installed. */
export function dockerdIsStarting(): boolean {
  return existsSync(pidFile) && isDockerd(Number(readFileSync(pidFile, 'utf8')));
}

/** Starts dockerd in a process group of its own, so that the terminal's Ctrl-C leaves it to us, and remembers that it is ours. */
export function startDockerd(dataDir: string, socket: string): void {
  const program = findProgram('dockerd');
  if (program === undefined)
    throw new Trouble('Docker does not run, and there is no dockerd to start', 'start Docker, then run this again');
  const log = openSync(join(placeIn(dataDir, 'logs'), 'dockerd.log'), 'a', 0o600);
  try {
    const child = spawn(program, ['-H', `unix://${socket}`], { detached: true, stdio: ['ignore', log, log] });
    child.on('error', () => undefined); // Seen by the socket not answering.
    child.unref();
    if (child.pid !== undefined) writeFileSync(ours(dataDir), String(child.pid));
  } finally {
    closeSync(log);
  }
}

/** Notes that this process uses Docker, and answers how to let go of it. */
export function holdDockerd(dataDir: string, docker: Docker): () => Promise<void> {
  const users = placeIn(dataDir, 'run', 'dockerd-users');
  const mine = join(users, String(process.pid));
  writeFileSync(mine, '');
  return async () => {
    rmSync(mine, { force: true });
    for (const user of readdirSync(users)) {
      if (isAlive(Number(user))) return;
      rmSync(join(users, user), { force: true });
    }
    await stopOurs(dataDir, docker);
  };
}

async function stopOurs(dataDir: string, docker: Docker): Promise<void> {
  if (!existsSync(ours(dataDir))) return;
  const pid = Number(readFileSync(ours(dataDir), 'utf8'));
  if (isDockerd(pid)) {
    if ((await docker.listContainers()).length > 0) return;
    process.kill(pid, 'SIGTERM');
    await untilGone(pid, 20_000);
  }
  rmSync(ours(dataDir), { force: true });
}

function isDockerd(pid: number): boolean {
  return commandOf(pid)[0]?.endsWith('dockerd') === true;
}
