import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Journal } from '../journal/journal.ts';
import project from '../package.json' with { type: 'json' };
import { setTlsDefaults } from '../proto/tls-defaults.ts';
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import { print } from '../seams/print.ts';
import { makePrivateDirectory } from '../seams/private-file.ts';
import { prometheusMetrics } from '../seams/prometheus.ts';
import { jsonLog, systemClock, systemDisk, systemFreeSpace, systemRandom } from '../seams/system.ts';
import { Conditions } from './conditions.ts';
import { grpcDialer } from './control/grpc-dialer.ts';
import { DISK_KINDS, isDiskSetting } from './domain/disk-choice.ts';
import { CHAINS, isCidr, TABLE } from './domain/firewall-rules.ts';
import { roomOf } from './domain/network-room.ts';
import { DockerBaseImages } from './engine/docker/base-images.ts';
import { dockerClients } from './engine/docker/client.ts';
import { DockerDriver } from './engine/docker/driver.ts';
import { BRIDGE } from './engine/docker/network.ts';
import { dockerSees } from './engine/docker/sight.ts';
import type { Driver } from './engine/driver.ts';
import { showBridgedPackets } from './engine/firewall/bridge-netfilter.ts';
import { Firewall } from './engine/firewall/firewall.ts';
import { watchNft } from './engine/firewall/nft-monitor.ts';
import { Resolvers } from './engine/firewall/resolvers.ts';
import { HollowHost } from './engine/hollow/hollow.ts';
import { measuredDriver } from './engine/measured.ts';
import { type Flags, parseFlags, USAGE } from './flags.ts';
import type { GuestDoors } from './guests/listener.ts';
import { Sockets } from './guests/sockets.ts';
import { Certificate } from './identity/certificate.ts';
import { type Identity, loadIdentity } from './identity/identity.ts';
import { joinWithToken } from './identity/join.ts';
import { ownIdentity } from './identity/own-identity.ts';
import { requestRenewal } from './identity/renew-call.ts';
import { installGuestFiles } from './images/guest-files.ts';
import { type FileLock, lockFile } from './ledger/file-lock.ts';
import { Ledger } from './ledger/ledger.ts';
import { serveMetrics } from './metrics-server.ts';
import { NodeAgent } from './node.ts';
import { readSessionSettings, type SessionSettings } from './session/session-settings.ts';
import { runCommand } from './volumes/command.ts';
import type { Disks } from './volumes/disks.ts';
import { openDisks } from './volumes/open-disks.ts';
import { watchDisks } from './volumes/watch-disks.ts';

const CLOSE_WITHIN_MS = 3_000;
async function identityOf(flags: Flags, log: Log): Promise<Identity> {
  const known = await loadIdentity(flags.dataDirectory);
  const hasToken = flags.tokenFile === '-' || (flags.tokenFile !== undefined && existsSync(flags.tokenFile));
  return ownIdentity({
    known,
    token: flags.tokenFile !== undefined && hasToken ? await tokenIn(flags.tokenFile) : undefined,
    log,
    join(token) {
      const nodeName = flags.name ?? known?.name ?? hostname();
      const signal = new AbortController().signal;
      return joinWithToken({ token, nodeName, directory: flags.dataDirectory, clock: systemClock, log, signal });
    },
  });
}

const tokenIn = async (file: string) => (file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')).trim();

/** A second process on the same data would join as the same node and write into the same ledger, in whichever namespace it runs. */
async function claimData(directory: string): Promise<FileLock> {
  await makePrivateDirectory(directory);
  const lock = await lockFile(join(directory, 'node-agent.lock'));
  if (lock === undefined) throw new Error(`another node agent uses ${directory}: stop it, or give this one another --data`);
  return lock;
}

async function addressesOf(controllers: readonly string[]): Promise<string[]> {
  const hosts = controllers.map((address) => address.slice(0, address.lastIndexOf(':')));
  const found = await Promise.all(hosts.map((host) => lookup(host, { family: 4, all: true }).catch(() => [])));
  return [...new Set(found.flat().map(({ address }) => address))].filter((address) => !address.startsWith('127.'));
}

async function engine(
  flags: Flags,
  identity: Identity,
  settings: SessionSettings,
  { log, conditions, metrics }: { readonly log: Log; readonly conditions: Conditions; readonly metrics: Metrics },
): Promise<{ driver: Driver; doors: GuestDoors; disks?: Disks }> {
  if (flags.driver === 'hollow') {
    const images = [process.env.RAWORC_BASE_IMAGE_TAG ?? 'raworc/session:base'];
    const host = new HollowHost({ clock: systemClock, random: systemRandom, images });
    return { driver: host, doors: host };
  }
  const allowed = (process.env.RAWORC_ALLOW_CIDRS ?? '')
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
  const wrong = allowed.find((range) => !isCidr(range));
  if (wrong !== undefined) throw new Error(`RAWORC_ALLOW_CIDRS holds ${wrong}, which is no IPv4 range`);
  const runDirectory = resolve(flags.runDirectory ?? join('/run/raworc', identity.nodeId.slice(0, 8)));
  const doors = new Sockets({ runDirectory, clock: systemClock, log });
  const guestDirectory = await installGuestFiles({
    builtDirectory: fileURLToPath(new URL('../build/guest', import.meta.url)),
    nodePath: process.execPath,
    nodeVersion: process.version,
    directory: join(flags.dataDirectory, 'guest'),
  });
  const subnet = process.env.RAWORC_SESSION_SUBNET || undefined;
  if (subnet !== undefined && (!isCidr(subnet) || roomOf([subnet]) === 0))
    throw new Error(`RAWORC_SESSION_SUBNET is ${subnet}: give it an IPv4 range with room for sessions, such as 10.77.0.0/20`);
  const setting = process.env.RAWORC_DISK_KIND ?? 'auto';
  if (!isDiskSetting(setting)) throw new Error(`RAWORC_DISK_KIND is ${setting}: give it one of auto, ${DISK_KINDS.join(', ')}`);
  const clients = await dockerClients(flags.dockerSocket);
  const owner = { clusterId: identity.clusterId, nodeId: identity.nodeId };
  const disks = await openDisks(setting, {
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
  const driver = new DockerDriver({
    clients,
    owner,
    disks,
    baseImages: new DockerBaseImages({
      ...{ docker: clients.streams, directory: join(flags.dataDirectory, 'images'), freeSpace: systemFreeSpace, clock: systemClock, log },
    }),
    guestDirectory,
    conditions,
    subnet,
    bounds: {
      ...{ reserve: flags.reserve, most: flags.most, run: runCommand },
      diskBytes: async () => (await systemFreeSpace(flags.dataDirectory)).totalBytes,
    },
    resolvConf: () => resolvers.file,
    openFiles: settings.openFiles,
    run: runCommand,
    guard: new Firewall({
      plan: {
        bridge: BRIDGE,
        table: TABLE,
        chains: CHAINS,
        closed: await addressesOf(identity.controllers),
        allowed,
        flows: settings.flows,
      },
      ...{ clock: systemClock, log, conditions, metrics, watch: watchNft(), bridged: showBridgedPackets },
      resolvers: () => resolvers.look(),
    }),
    clock: systemClock,
    log,
  });
  return { driver, doors, disks };
}

const DISK_LOW_BYTES = 2 * 2 ** 30;

function diskLowBytes(): number {
  const text = process.env.RAWORC_DISK_LOW_BYTES;
  if (text === undefined || text === '') return DISK_LOW_BYTES;
  if (!/^\d{1,15}$/.test(text)) throw new Error(`RAWORC_DISK_LOW_BYTES is ${text}: give it a number of bytes`);
  return Number(text);
}

/** Resolves with the exit code. */
async function run(flags: Flags, log: Log): Promise<number> {
  const stopped = new Promise<'stopped'>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => done('stopped'));
  });
  const claim = await claimData(flags.dataDirectory);
  const identity = await identityOf(flags, log);
  const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(flags.dataDirectory, 'ledger'), name: 'ledger' });
  const ledger = await Ledger.open(journal, records, identity.incarnation, systemClock.now());
  const metrics = prometheusMetrics({ processMetrics: flags.metricsPort !== undefined });
  const scraped = flags.metricsPort === undefined ? undefined : await serveMetrics(metrics, flags.metricsPort);
  if (scraped !== undefined) log.info('metrics.served', { port: scraped.port });
  const settings = readSessionSettings(process.env);
  const conditions = new Conditions(systemClock, log);
  const lowBytes = diskLowBytes();
  const { driver, doors, disks } = await engine(flags, identity, settings, { log, conditions, metrics });
  const certificate = new Certificate({
    identity,
    directory: flags.dataDirectory,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    request: (current, road, attempt, signal) => requestRenewal(current, road, attempt, { clock: systemClock, signal }),
    renewed: () => node.reconnect(),
  });
  const dialer = grpcDialer({
    identity: () => certificate.identity,
    problem: () => certificate.problem(),
    refused: () => certificate.refused(),
    clock: systemClock,
    log,
  });
  const { nodeId, clusterId, incarnation } = identity;
  const node = new NodeAgent({
    conditions,
    nodeId,
    clusterId,
    incarnation,
    version: project.version,
    hostname: hostname(),
    capacity: flags.capacity,
    most: flags.most,
    uids: settings.uids,
    driver: measuredDriver(driver, metrics, systemClock),
    doors,
    ledger,
    dialer,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
  });
  certificate.start();
  const watched =
    disks === undefined
      ? undefined
      : await watchDisks({
          ...{ disks, node, dataDirectory: flags.dataDirectory, lowBytes, conditions, metrics },
          ...{ run: runCommand, freeSpace: systemFreeSpace, clock: systemClock, log },
        });
  const end = await Promise.race([node.ended, stopped, node.start().then(() => Promise.race([node.ended, stopped]))]);
  if (end !== 'stopped' && end.why === 'fault')
    log.error('node.fault', { error: end.error instanceof Error ? end.error.message : String(end.error) });
  void watched?.close();
  await Promise.race([node.close(), new Promise<void>((done) => systemClock.after(CLOSE_WITHIN_MS, done))]);
  dialer.close();
  await scraped?.close();
  await certificate.close();
  await claim.close();
  log.info('node.ended', { node: nodeId, why: end === 'stopped' ? 'signal' : end.why });
  return end !== 'stopped' && end.why === 'fault' ? 1 : 0;
}

setTlsDefaults();
const parsed = parseFlags(process.argv.slice(2));
if (!parsed.ok) {
  print(`${parsed.problem}\n${USAGE}`, 'stderr');
  process.exit(2);
}
const level = process.env.RAWORC_LOG_LEVEL === 'debug' ? 'debug' : 'info';
const log = jsonLog('node', level);
// What was begun is found again at the next start: to end at any moment is safe.
process.exit(
  await run({ ...parsed.flags, dataDirectory: resolve(parsed.flags.dataDirectory) }, log).catch((error: unknown) => {
    log.error('node.fault', { error: error instanceof Error ? error.message : String(error) });
    return 1;
  }),
);
