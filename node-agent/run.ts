import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Journal } from '../journal/journal.ts';
import project from '../package.json' with { type: 'json' };
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import { makePrivateDirectory } from '../seams/private-file.ts';
import { prometheusMetrics } from '../seams/prometheus.ts';
import { systemClock, systemDisk, systemFreeSpace, systemRandom } from '../seams/system.ts';
import { Conditions } from './conditions.ts';
import { grpcDialer } from './control/grpc-dialer.ts';
import type { Driver } from './engine/driver.ts';
import { measuredDriver } from './engine/measured.ts';
import type { Flags } from './flags.ts';
import type { GuestListener } from './guests/listener.ts';
import { Certificate } from './identity/certificate.ts';
import { type Identity, loadIdentity } from './identity/identity.ts';
import { joinWithToken } from './identity/join.ts';
import { ownIdentity } from './identity/own-identity.ts';
import { requestRenewal } from './identity/renew-call.ts';
import { type FileLock, lockFile } from './ledger/file-lock.ts';
import { Ledger } from './ledger/ledger.ts';
import { serveMetrics } from './metrics-server.ts';
import { NodeAgent } from './node.ts';
import { readSessionSettings, type SessionSettings } from './session/session-settings.ts';
import { runCommand } from './volumes/command.ts';
import type { Disks } from './volumes/disks.ts';
import { watchDisks } from './volumes/watch-disks.ts';

const CLOSE_WITHIN_MS = 3_000;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EngineDeps {
  readonly flags: Flags;
  /** The settings of this node agent. */
  readonly env: Environment;
  readonly identity: Identity;
  readonly settings: SessionSettings;
  readonly log: Log;
  readonly conditions: Conditions;
  readonly metrics: Metrics;
  /** Opens a connection to the registry. Throws while the controller cannot be dialled. */
  registry(): Duplex;
}

/** The engine of the sessions and the listener for their guests. `disks` are watched. */
export interface Engine {
  readonly driver: Driver;
  readonly listener: GuestListener;
  readonly disks?: Disks;
  /** Serves the registry to the engine. */
  readonly registry?: { close(): Promise<void> };
}

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

/**
 * Locks the data directory: a second process with the same data would act as the same node and
 * write to the same ledger, even in another namespace.
 */
async function claimData(directory: string): Promise<FileLock> {
  await makePrivateDirectory(directory);
  const lock = await lockFile(join(directory, 'node-agent.lock'));
  if (lock === undefined) throw new Error(`another node agent uses ${directory}. Stop it, or start this one with another --data`);
  return lock;
}

const DISK_LOW_BYTES = 2 * 2 ** 30;

function diskLowBytes(env: Environment): number {
  const text = env.RAWORC_DISK_LOW_BYTES;
  if (text === undefined || text === '') return DISK_LOW_BYTES;
  if (!/^\d{1,15}$/.test(text)) throw new Error(`RAWORC_DISK_LOW_BYTES must be a number of bytes, not "${text}"`);
  return Number(text);
}

/** Runs a node agent on the engine that `open` returns. Resolves with the exit code. */
export async function run(flags: Flags, env: Environment, log: Log, openEngine: (deps: EngineDeps) => Promise<Engine>): Promise<number> {
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
  const settings = readSessionSettings(env);
  const conditions = new Conditions(systemClock, log);
  const lowBytes = diskLowBytes(env);
  const { driver, listener, disks, registry } = await openEngine({
    ...{ flags, env, identity, settings, log, conditions, metrics },
    registry: () => dialer.registry(),
  });
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
    listener,
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
          disks,
          node,
          dataDirectory: flags.dataDirectory,
          lowBytes,
          conditions,
          metrics,
          run: runCommand,
          freeSpace: systemFreeSpace,
          clock: systemClock,
          log,
        });
  const end = await Promise.race([node.ended, stopped, node.start().then(() => Promise.race([node.ended, stopped]))]);
  if (end !== 'stopped' && end.why === 'fault')
    log.error('node.fault', { error: end.error instanceof Error ? end.error.message : String(end.error) });
  void watched?.close();
  await Promise.race([node.close(), new Promise<void>((done) => systemClock.after(CLOSE_WITHIN_MS, done))]);
  await registry?.close();
  dialer.close();
  await scraped?.close();
  await certificate.close();
  await claim.close();
  log.info('node.ended', { node: nodeId, why: end === 'stopped' ? 'signal' : end.why });
  return end !== 'stopped' && end.why === 'fault' ? 1 : 0;
}
