/** A node agent's builder over Docker, for tests of builds. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { DockerBuilds } from '../../node-agent/engine/docker/builds/docker-builds.ts';
import type { JobLimits } from '../../node-agent/engine/docker/builds/job-options.ts';
import { OwnImages } from '../../node-agent/engine/docker/builds/own-images.ts';
import { WorkDisks } from '../../node-agent/engine/docker/builds/work-disks.ts';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { DockerDriver } from '../../node-agent/engine/docker/driver.ts';
import { removeNetwork, SESSION_NETWORK } from '../../node-agent/engine/docker/network.ts';
import { Builder } from '../../node-agent/images/builder.ts';
import { installGuestFiles } from '../../node-agent/images/guest-files.ts';
import { installedNpm } from '../../node-agent/images/installed-npm.ts';
import { runCommand } from '../../node-agent/volumes/command.ts';
import type { BuildReport__Output as BuildReport } from '../../proto/generated/raworc/node/v0/BuildReport.ts';
import { buildGuest } from '../../scripts/build-guest.ts';
import { systemClock, systemRandom } from '../../seams/system.ts';
import { docker } from '../host/busybox.ts';
import { testDisks } from '../host/test-disks.ts';
import { silent } from '../unit/controller/core.ts';
import { baseImageTag } from './base-image.ts';

const MIB = 2 ** 20;
const OWNER = { clusterId: `test-${randomUUID()}`, nodeId: randomUUID() };
const LABEL = `label=raworc.cluster=${OWNER.clusterId}`;
const directory = mkdtempSync('/var/tmp/raworc-builds-');
const signal = new AbortController().signal;

export type Files = Readonly<Record<string, string | Buffer>>;
export type Agent = readonly [
  name: string,
  runtime: 'PYTHON' | 'NODE' | 'NATIVE',
  handler: string,
  files: Files,
  executable?: string | undefined,
];

export interface WorldOptions {
  readonly limits?: Partial<JobLimits> | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** How long a build can take. */
  readonly limitMs?: number | undefined;
}

export const lines = (text: string) => text.split('\n').filter(Boolean);

async function packed(files: Files, executable = ''): Promise<Uint8Array> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mode: name === executable ? 0o755 : 0o644 }, content);
  pack.finalize();
  return gzipSync(await buffer(pack));
}

/** A node agent's builder over Docker, and its engine. Call `close` at the end. */
export async function buildWorld({ limits, environment = {}, limitMs }: WorldOptions = {}) {
  const { directory: builtDirectory } = await buildGuest();
  const guestDirectory = await installGuestFiles({
    ...{ builtDirectory, nodePath: process.execPath, nodeVersion: process.version },
    directory: join(directory, 'guest'),
  });
  const clients = await dockerClients('/var/run/docker.sock');
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const builds = new DockerBuilds({
    ...{ clients, owner: OWNER, guestDirectory, npm: installedNpm(), clock: systemClock, log: silent, run: runCommand },
    disks: new WorkDisks({ directory: join(directory, 'builds'), kind: 'image', run: runCommand, random: systemRandom }),
    stages: await OwnImages.open(join(directory, 'stages')),
    settings: {
      dockerfiles: true,
      baseImages: [],
      environment,
      certificates: certificates !== undefined && existsSync(certificates) ? certificates : undefined,
    },
    cgroupParent: () => undefined,
    limits: { cpuMillis: 2000, memoryBytes: 384 * MIB, processes: 64, diskBytes: 128 * MIB, temporaryBytes: 16 * MIB, ...limits },
  });
  const driver = new DockerDriver({
    ...{ clients, owner: OWNER, guestDirectory, builds, clock: systemClock, log: silent },
    disks: testDisks(directory, OWNER),
    guard: { apply: async () => undefined, remove: async () => undefined, close: () => undefined },
  });
  await driver.prepare(signal);
  const sources = new Map<string, Uint8Array>();
  const ended = new Map<string, (report: BuildReport) => void>();
  const installs = { installed: 0, reused: 0 };
  const builder = new Builder({
    ...{ driver, clock: systemClock, random: systemRandom, log: silent, refusal: () => undefined, limitMs },
    metrics: {
      ...{ gauge: () => undefined, histogram: () => ({ observe: () => undefined }) },
      counter: () => ({
        add(more: number, { how }: { how: 'installed' | 'reused' }) {
          installs[how] += more;
        },
      }),
    } as never,
    dialer: {
      async *fetchSource(digest: string) {
        yield sources.get(digest) ?? new Uint8Array();
      },
    } as unknown as ConstructorParameters<typeof Builder>[0]['dialer'],
    report: (report) => report.phase !== 'BUILD_BUILDING' && ended.get(report.buildId)?.(report),
  });
  const baseImage = await baseImageTag();
  const build = async (...agents: readonly Agent[]) => {
    const buildId = randomUUID();
    const image = `raworc_space_builds-test:${buildId}`;
    const specs = [];
    for (const [name, runtime, handler, files, executable] of agents) {
      const source = await packed(files, executable);
      const digest = `sha256:${createHash('sha256').update(source).digest('hex')}`;
      sources.set(digest, source);
      specs.push({ spec: { name, runtime, handler, idempotent: false } as never, digest });
    }
    const { promise, resolve } = Promise.withResolvers<BuildReport>();
    ended.set(buildId, resolve);
    builder.assign({ buildId, space: 'builds-test', image, baseImage, agents: specs, logTicket: '', repositories: [] });
    return { image, report: await promise };
  };
  const close = async () => {
    await builder.close();
    const containers = lines(await docker('ps', '-aq', '--filter', LABEL));
    if (containers.length > 0) await docker('rm', '-f', ...containers);
    const images = lines(await docker('image', 'ls', '-q', '--filter', LABEL));
    if (images.length > 0) await docker('rmi', '-f', ...new Set(images));
    driver.close();
    await removeNetwork(clients.calls, SESSION_NETWORK, signal);
    rmSync(directory, { recursive: true, force: true });
  };
  return { build, builds, builder, driver, clients, installs, baseImage, close };
}

/** All that builds can leave on the host. */
export async function leftovers() {
  return {
    containers: lines(await docker('ps', '-aq', '--filter', LABEL)).length,
    images: lines(await docker('image', 'ls', '-aq', '--filter', LABEL)).length,
    volumes: lines(await docker('volume', 'ls', '-q')).length,
    disks: existsSync(join(directory, 'builds')) ? readdirSync(join(directory, 'builds')).length : 0,
    mounts: readFileSync('/proc/mounts', 'utf8').split(directory).length - 1,
  };
}
