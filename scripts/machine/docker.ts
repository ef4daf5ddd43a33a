import { statfsSync } from 'node:fs';
import process from 'node:process';
import Docker from 'dockerode';
import { reasonOf, Trouble } from '../trouble.ts';
import type { Apt } from './apt.ts';
import { dockerdIsStarting, holdDockerd, startDockerd, startService } from './dockerd.ts';
import { findProgram } from './run.ts';

const oldestApi = [1, 41] as const;
const minFreeBytes = 2 * 1024 ** 3;

export interface DockerEngine {
  readonly docker: Docker;
  readonly socket: string;
  /** Stops dockerd if it is ours, nobody else of ours uses it, and no container runs on it. */
  release(): Promise<void>;
}

/** The socket of the machine's Docker; DOCKER_HOST may name another one. */
export function dockerSocket(): string {
  const host = process.env.DOCKER_HOST;
  if (host === undefined || host === '') return '/var/run/docker.sock';
  if (host.startsWith('unix://')) return host.slice('unix://'.length);
  throw new Trouble(`DOCKER_HOST is ${host}, and nodes need a Docker on their own machine`, 'unset DOCKER_HOST');
}

export function openDocker(socket = dockerSocket()): Docker {
  return new Docker({ socketPath: socket });
}

/** Uses the Docker that runs; else installs it where it is missing, and has it started. */
export async function ensureDocker(
  dataDir: string,
  apt: Apt,
  progress: (text: string) => void,
  note: (text: string) => void,
): Promise<DockerEngine> {
  const socket = dockerSocket();
  const docker = openDocker(socket);
  const missing = [
    ...((await answers(docker)) || findProgram('dockerd') !== undefined ? [] : ['docker.io']),
    ...(findProgram('iptables') === undefined ? ['iptables'] : []),
    ...(findProgram('nft') === undefined ? ['nftables'] : []),
  ];
  if (missing.length > 0) await apt.install(missing, progress);
  if (!(await answers(docker))) {
    progress('starting Docker');
    if (!(await startService(dataDir)) && !dockerdIsStarting()) startDockerd(dataDir, socket);
    await untilAnswers(dataDir, docker);
  }
  const { Version: version, ApiVersion: api } = await docker.version();
  refuseOld(version, api);
  refuseFull((await docker.info()).DockerRootDir);
  note(`Docker ${version}`);
  return { docker, socket, release: holdDockerd(dataDir, docker) };
}

async function answers(docker: Docker): Promise<boolean> {
  try {
    await docker.ping();
    return true;
  } catch (error) {
    if (/EACCES/.test(reasonOf(error))) throw new Trouble(`Docker’s socket cannot be opened: ${reasonOf(error)}`, 'run this as root');
    return false;
  }
}

async function untilAnswers(dataDir: string, docker: Docker): Promise<void> {
  const endsAt = performance.now() + 60_000;
  while (!(await answers(docker))) {
    if (performance.now() > endsAt) {
      throw new Trouble('Docker did not start within a minute', `see ${dataDir}/logs/dockerd.log, or: journalctl -u docker`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function refuseOld(version: string, api: string): void {
  const [major = 0, minor = 0] = api.split('.').map(Number);
  if (major > oldestApi[0] || (major === oldestApi[0] && minor >= oldestApi[1])) return;
  throw new Trouble(
    `Docker ${version} (API ${api}) is too old`,
    `Raworc needs Docker 20.10 (API ${oldestApi.join('.')}) or newer: apt-get install docker.io`,
  );
}

function refuseFull(directory: string): void {
  let freeBytes: number;
  try {
    const { bavail, bsize } = statfsSync(directory);
    freeBytes = bavail * bsize;
  } catch {
    return; // Docker's directory is not visible from here: it will tell by itself.
  }
  if (freeBytes >= minFreeBytes) return;
  throw new Trouble(
    `only ${Math.round(freeBytes / 1024 ** 2)} MiB are free in ${directory}, where Docker keeps images and volumes`,
    'free at least 2 GiB, for example: docker image prune',
  );
}
