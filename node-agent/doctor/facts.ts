import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../seams/clock.ts';
import { lockFile } from '../../seams/file-lock.ts';
import type { FreeSpace } from '../../seams/free-space.ts';
import { messageOf } from '../../seams/message-of.ts';
import { makePrivateDirectory } from '../../seams/private-file.ts';
import type { Random } from '../../seams/random.ts';
import { chooseDisks, type DiskSetting } from '../domain/disk-choice.ts';
import { cgroupMounts } from '../engine/cgroup/mounts.ts';
import { type DockerClients, dockerClients } from '../engine/docker/client.ts';
import { dockerSees } from '../engine/docker/sight.ts';
import { sessionNameServers } from '../engine/firewall/resolvers.ts';
import type { Flags } from '../flags.ts';
import { loadIdentity } from '../identity/identity.ts';
import { attemptDisk } from '../volumes/attempt.ts';
import type { Command } from '../volumes/command.ts';
import type { Facts } from './examine.ts';
import { type ControllerPlace, reachController } from './reach.ts';

const PROGRAMS = ['nft', 'ip', 'nsenter', 'flock', 'mount', 'umount', 'findmnt', 'mke2fs'];
const PATHS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export interface FactDeps {
  readonly flags: Flags;
  readonly guestDirectory: string;
  readonly diskSetting: DiskSetting;
  readonly lowBytes: number;
  /** Those of RAWORC_SESSION_DNS; empty takes the host's. */
  readonly nameServers: readonly string[];
  /** The cluster to reach, if one is known. */
  readonly place: ControllerPlace | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly run: Command;
  readonly freeSpace: FreeSpace;
}

const dockerInfo = z.object({
  CgroupDriver: z.string(),
  ServerVersion: z.string(),
  DefaultRuntime: z.string().default('unknown'),
  DockerRootDir: z.string().default('/var/lib/docker'),
  SecurityOptions: z.array(z.string()).nullish(),
  Warnings: z.array(z.string()).nullish(),
});

/** Collects what {@link examine} judges. Leaves nothing behind but the data directory. */
export async function gatherFacts(deps: FactDeps): Promise<Facts> {
  const { flags, guestDirectory, lowBytes, nameServers, place, clock, freeSpace } = deps;
  const directory = flags.dataDirectory;
  const problem = await makePrivateDirectory(directory).then(() => undefined, messageOf);
  const clients = await dockerClients(flags.dockerSocket).catch((error: unknown) => messageOf(error));
  const [docker, disks, isRunning] = await Promise.all([
    dockerFacts(clients, freeSpace),
    problem === undefined ? diskChoice(clients, deps) : undefined,
    isLocked(directory),
  ]);
  return {
    uid: process.getuid?.() ?? -1,
    hostname: flags.name ?? hostname(),
    guest: { isBuilt: existsSync(join(guestDirectory, 'guest.mjs')), directory: guestDirectory },
    docker,
    cgroups: cgroupProblem(readFileSync('/proc/self/mountinfo', 'utf8')),
    missing: PROGRAMS.filter((program) => !PATHS.some((path) => existsSync(join(path, program)))),
    pidMax: Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')),
    data: { directory, problem, freeBytes: problem === undefined ? (await freeSpace(directory)).freeBytes : 0, lowBytes },
    nameServers: await sessionNameServers(nameServers),
    identity: await loadIdentity(directory).then(
      (found) => found && { name: found.name, clusterId: found.clusterId, expiresInMs: found.expiresAtMs - clock.now() },
      () => undefined,
    ),
    disks,
    // A running node agent uses its own port.
    takenPort: flags.metricsPort !== undefined && !isRunning && (await isTaken(flags.metricsPort)) ? flags.metricsPort : undefined,
    controller: place === undefined ? undefined : await reachController(place, clock),
  };
}

async function dockerFacts(clients: DockerClients | string, freeSpace: FreeSpace): Promise<Facts['docker']> {
  if (typeof clients === 'string') return { ok: false, why: clients };
  try {
    const info = dockerInfo.parse(await clients.probe.info());
    const directory = info.DockerRootDir;
    return {
      ok: true,
      version: info.ServerVersion,
      cgroupDriver: info.CgroupDriver,
      runtime: info.DefaultRuntime,
      isRootless: info.SecurityOptions?.some((option) => option.includes('name=rootless')) ?? false,
      warnings: info.Warnings ?? [],
      images: await freeSpace(directory).then(
        ({ freeBytes }) => ({ directory, freeBytes }),
        () => undefined,
      ),
    };
  } catch (error) {
    return { ok: false, why: `Docker does not answer: ${messageOf(error)}` };
  }
}

async function diskChoice(clients: DockerClients | string, { flags, diskSetting, random, run }: FactDeps): Promise<Facts['disks']> {
  if (typeof clients === 'string' || process.getuid?.() !== 0) return undefined;
  const sees = (path: string) => dockerSees(clients.calls, path, AbortSignal.timeout(30_000));
  const directory = join(flags.dataDirectory, 'disks');
  return chooseDisks(diskSetting, (kind) => attemptDisk(kind, { directory, sees, run, random }));
}

function cgroupProblem(mountinfo: string): string | undefined {
  try {
    const mounts = cgroupMounts(mountinfo);
    const roots = mounts.version === 2 ? [mounts.root] : [mounts.cpu, mounts.memory, mounts.pids];
    const closed = roots.find((root) => !isWritable(root));
    return closed === undefined ? undefined : `${closed} is not writable`;
  } catch (error) {
    return messageOf(error);
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

async function isLocked(directory: string): Promise<boolean> {
  const lock = await lockFile(join(directory, 'node-agent.lock')).catch(() => undefined);
  await lock?.close();
  return lock === undefined;
}

function isTaken(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}
