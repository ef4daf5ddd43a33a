import { lookup } from 'node:dns/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, systemFreeSpace, systemRandom } from '../seams/system.ts';
import { CHAINS, TABLE } from './domain/firewall-rules.ts';
import { DockerBuilds } from './engine/docker/builds/docker-builds.ts';
import { OwnImages } from './engine/docker/builds/own-images.ts';
import { WorkDisks } from './engine/docker/builds/work-disks.ts';
import { dockerClients } from './engine/docker/client.ts';
import { DockerDriver } from './engine/docker/driver.ts';
import { DockerBaseImages } from './engine/docker/images/base-images.ts';
import { ImageTransfer } from './engine/docker/images/image-transfer.ts';
import { MovingNames } from './engine/docker/images/moving-names.ts';
import { BRIDGE } from './engine/docker/network.ts';
import { dockerSees } from './engine/docker/sight.ts';
import { DockerWorkstations } from './engine/docker/workstations/workstations.ts';
import { showBridgedPackets } from './engine/firewall/bridge-netfilter.ts';
import { Firewall } from './engine/firewall/firewall.ts';
import { watchNft } from './engine/firewall/nft-monitor.ts';
import { Resolvers } from './engine/firewall/resolvers.ts';
import { Sockets } from './guests/sockets.ts';
import { readHostSettings } from './host-settings.ts';
import { installGuestFiles } from './images/guest-files.ts';
import { installedNpm } from './images/installed-npm.ts';
import { installedTerminals } from './images/installed-terminals.ts';
import { openRegistryListener } from './images/registry-listener.ts';
import type { Engine, EngineDeps } from './run.ts';
import { runCommand } from './volumes/command.ts';
import type { Disks } from './volumes/disks.ts';
import { openDisks } from './volumes/open-disks.ts';

async function addressesOf(controllers: readonly string[]): Promise<string[]> {
  const hosts = controllers.map((address) => address.slice(0, address.lastIndexOf(':')));
  const found = await Promise.all(hosts.map((host) => lookup(host, { family: 4, all: true }).catch(() => [])));
  return [...new Set(found.flat().map(({ address }) => address))].filter((address) => !address.startsWith('127.'));
}

/**
 * Opens Docker with the disks, sockets and firewall of its sessions, as set by flags and
 * environment.
 */
export async function openDocker({
  flags,
  env,
  identity,
  settings,
  log,
  conditions,
  metrics,
  registry: dial,
}: EngineDeps): Promise<Engine> {
  const { allowed, egress, subnet, diskKind, builds: buildSettings } = readHostSettings(env);
  const runDirectory = resolve(flags.runDirectory ?? join('/run/raworc', identity.nodeId.slice(0, 8)));
  const listener = new Sockets({ runDirectory, clock: systemClock, log });
  const guestDirectory = await installGuestFiles({
    builtDirectory: fileURLToPath(new URL('../build/guest', import.meta.url)),
    terminalsPath: installedTerminals(),
    nodePath: process.execPath,
    nodeVersion: process.version,
    directory: join(flags.dataDirectory, 'guest'),
  });
  const clients = await dockerClients(flags.dockerSocket);
  const owner = { clusterId: identity.clusterId, nodeId: identity.nodeId };
  const workstations: DockerWorkstations = new DockerWorkstations({
    ...{ clients, owner, conditions, log, run: runCommand, settings: buildSettings },
    programs: { node: process.execPath, npm: installedNpm().directory },
    directory: join(flags.dataDirectory, 'roots'),
    sees: (path) => dockerSees(clients.calls, path, new AbortController().signal),
    disks: () => disks,
    cgroupParent: () => driver.cgroupParent(),
  });
  const disks: Disks = await openDisks(diskKind, {
    lowerOf: async (image) => (await workstations.lowers.find(image))?.path,
    directory: join(flags.dataDirectory, 'disks'),
    sees: (path) => dockerSees(clients.calls, path, new AbortController().signal),
    run: runCommand,
    random: systemRandom,
    owner,
    conditions,
    clock: systemClock,
    log,
  });
  const resolvers = new Resolvers({ file: join(flags.dataDirectory, 'resolv.conf'), addresses: settings.dns, conditions });
  const registry = await openRegistryListener({ random: systemRandom, log, metrics, dial });
  const movingNames = new MovingNames({ docker: clients.calls, log });
  const builds = new DockerBuilds({
    clients,
    owner,
    disks: new WorkDisks({ directory: join(flags.dataDirectory, 'builds'), kind: disks.kind, run: runCommand, random: systemRandom }),
    stages: await OwnImages.open(join(flags.dataDirectory, 'build-stages')),
    guestDirectory,
    npm: installedNpm(),
    settings: buildSettings,
    clock: systemClock,
    log,
    run: runCommand,
    cgroupParent: () => driver.cgroupParent(),
    resolvConf: () => resolvers.file,
  });
  await builds.sweep(new AbortController().signal);
  const driver: DockerDriver = new DockerDriver({
    builds,
    transfer: new ImageTransfer(clients, registry, movingNames),
    movingNames,
    metrics,
    clients,
    owner,
    disks,
    workstations,
    baseImages: new DockerBaseImages({
      docker: clients.streams,
      directory: join(flags.dataDirectory, 'images'),
      freeSpace: systemFreeSpace,
      clock: systemClock,
      log,
    }),
    guestDirectory,
    conditions,
    subnet,
    bounds: {
      reserve: flags.reserve,
      most: flags.most,
      run: runCommand,
      diskBytes: async () => (await systemFreeSpace(flags.dataDirectory)).totalBytes,
    },
    resolvConf: () => resolvers.file,
    openFiles: settings.openFiles,
    runtime: settings.runtime,
    models: buildSettings,
    run: runCommand,
    guard: new Firewall({
      plan: {
        bridge: BRIDGE,
        table: TABLE,
        chains: CHAINS,
        closed: await addressesOf(identity.controllers),
        allowed,
        egress,
        flows: settings.flows,
      },
      clock: systemClock,
      log,
      conditions,
      metrics,
      watch: watchNft(),
      bridged: showBridgedPackets,
      resolvers: () => resolvers.look(),
    }),
    clock: systemClock,
    log,
  });
  return { driver, listener, disks, registry };
}
