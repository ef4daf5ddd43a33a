import { statfsSync } from 'node:fs';
import process from 'node:process';
import Docker from 'dockerode';
import { reasonOf, Trouble } from '../program.ts';
import type { StepReport } from '../terminal.ts';
import type { Apt } from './apt.ts';
import { startDocker, stopOwnDockerd } from './dockerd.ts';

const oldestApi = 41;
const minFreeBytes = 2 * 1024 ** 3;

export interface DockerEngine {
  readonly docker: Docker;
  readonly socket: string;
  /** Stops dockerd if this program started it, no container runs, and nobody else uses it. */
  release(): Promise<void>;
}

/** Returns the socket of the machine's Docker; DOCKER_HOST can name another. */
function dockerSocket(): string {
  const host = process.env.DOCKER_HOST || 'unix:///var/run/docker.sock';
  if (host.startsWith('unix://')) return host.slice('unix://'.length);
  throw new Trouble(`DOCKER_HOST is ${host}, but nodes need Docker on their own machine`, 'unset DOCKER_HOST');
}

export const openDocker = (): Docker => new Docker({ socketPath: dockerSocket() });

/** Uses the running Docker, or installs it if it is missing, and starts it. */
export async function ensureDocker(dataDir: string, apt: Apt, { progress, note }: StepReport): Promise<DockerEngine> {
  const socket = dockerSocket();
  const docker = openDocker();
  const isRunning = await answers(docker);
  await apt.ensure({ ...(isRunning ? {} : { dockerd: 'docker.io' }), iptables: 'iptables', nft: 'nftables', ip: 'iproute2' }, progress);
  if (!(await answers(docker))) {
    progress('starting Docker');
    await startDocker(dataDir, socket);
    for (const endsAt = performance.now() + 60_000; !(await answers(docker)); ) {
      if (performance.now() > endsAt)
        throw new Trouble('Docker did not start within a minute', `see ${dataDir}/logs/dockerd.log, or: journalctl -u docker`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const { Version: version, ApiVersion: api } = await docker.version();
  if (Number(api.split('.')[1]) < oldestApi)
    throw new Trouble(
      `Docker ${version} (API ${api}) is too old`,
      `install Docker 20.10 (API 1.${oldestApi}) or newer: apt-get install docker.io`,
    );
  refuseFull((await docker.info()).DockerRootDir);
  note(`Docker ${version}`);
  return { docker, socket, release: () => stopOwnDockerd(dataDir, docker) };
}

async function answers(docker: Docker): Promise<boolean> {
  try {
    await docker.ping();
    return true;
  } catch (error) {
    if (/EACCES/.test(reasonOf(error))) throw new Trouble(`cannot open Docker's socket: ${reasonOf(error)}`, 'run this as root');
    return false;
  }
}

function refuseFull(directory: string): void {
  let freeBytes: number;
  try {
    const { bavail, bsize } = statfsSync(directory);
    freeBytes = bavail * bsize;
  } catch {
    return; // Docker's directory is not visible from here.
  }
  if (freeBytes >= minFreeBytes) return;
  const what = `only ${Math.round(freeBytes / 1024 ** 2)} MiB are free in ${directory}, where Docker keeps images and volumes`;
  throw new Trouble(what, 'free at least 2 GiB, for example: docker image prune');
}
