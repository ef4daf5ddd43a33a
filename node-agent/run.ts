import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Journal } from '../journal/journal.ts';
import project from '../package.json' with { type: 'json' };
import type { Log } from '../seams/log.ts';
import type { Metrics } from '../seams/metrics.ts';
import { prometheusMetrics } from '../seams/prometheus.ts';
import { systemClock, systemDisk, systemFreeSpace, systemRandom } from '../seams/system.ts';
import { notifier } from '../systemd/notify.ts';
import { HEALTHY } from '../systemd/upgrade/run-upgrade.ts';
import { Conditions } from './conditions.ts';
import { grpcDialer } from './control/grpc-dialer.ts';
import { diskLowBytes } from './disk-low.ts';
import type { Driver } from './engine/driver.ts';
import { measuredDriver } from './engine/measured.ts';
import type { Flags } from './flags.ts';
import type { GuestListener } from './guests/listener.ts';
import { Certificate } from './identity/certificate.ts';
import { claimData, enterCluster, givenToken } from './identity/enter.ts';
import type { Identity } from './identity/identity.ts';
import { recordRemoval, untilReadmitted, wasRemoved } from './identity/removal.ts';
import { requestRenewal } from './identity/renew-call.ts';
import { Ledger } from './ledger/ledger.ts';
import { machineFingerprint } from './machine.ts';
import { serveMetrics } from './metrics-server.ts';
import { NodeAgent } from './node.ts';
import { REMOVAL_MS } from './session/node-end.ts';
import { readSessionSettings, type SessionSettings } from './session/session-settings.ts';
import { removeContainers } from './session/shutdown.ts';
import { makesProgress } from './stalled.ts';
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
  /** How long a build can take. Undefined: as documented. */
  readonly buildLimitMs?: number;
  /** Serves the registry to the engine. */
  readonly registry?: { close(): Promise<void> };
}

/** Runs a node agent on the engine that `open` returns. Resolves with the exit code. */
export async function run(flags: Flags, env: Environment, log: Log, openEngine: (deps: EngineDeps) => Promise<Engine>): Promise<number> {
  const stopped = new Promise<'stopped'>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => done('stopped'));
  });
  const claim = await claimData(flags.dataDirectory);
  const identity = await enterCluster(flags, await givenToken(flags), { clock: systemClock, log });
  const { journal, records } = await Journal.open({ disk: systemDisk, directory: join(flags.dataDirectory, 'ledger'), name: 'ledger' });
  const ledger = await Ledger.open(journal, records, identity.incarnation, systemClock.now());
  const metrics = prometheusMetrics({ processMetrics: flags.metricsPort !== undefined });
  const scraped = flags.metricsPort === undefined ? undefined : await serveMetrics(metrics, flags.metricsPort);
  if (scraped !== undefined) log.info('metrics.served', { port: scraped.port });
  const settings = readSessionSettings(env);
  const conditions = new Conditions(systemClock, log);
  const lowBytes = diskLowBytes(env);
  const { driver, listener, disks, registry, buildLimitMs } = await openEngine({
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
    conditions,
    request: (current, road, attempt, signal) => requestRenewal(current, road, attempt, { clock: systemClock, signal }),
    renewed: () => node.reconnect(),
    removed: (reason) => node.removed(reason),
  });
  const dialer = grpcDialer({
    identity: () => certificate.identity,
    problem: () => certificate.problem(),
    refused: () => certificate.refused(),
    clock: systemClock,
    log,
  });
  const { nodeId, clusterId, incarnation } = identity;
  const isWell = () => makesProgress(node, log);
  const notify = notifier({ env, after: (ms, tick) => systemClock.after(ms, tick), isWell });
  const connection = (isUp: boolean) => notify.status(isUp ? `${HEALTHY} to the controller` : 'the controller is away');
  notify.status('connecting to the controller');
  const node = new NodeAgent({
    conditions,
    recordRemoval: () => recordRemoval(flags.dataDirectory, identity),
    authorities: (digest) => certificate.authorities(digest),
    nodeId,
    clusterId,
    incarnation,
    version: project.version,
    hostname: hostname(),
    machine: await machineFingerprint(),
    capacity: flags.capacity,
    most: flags.most,
    uids: settings.uids,
    connection,
    driver: measuredDriver(driver, metrics, systemClock),
    listener,
    ledger,
    dialer,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    buildLimitMs,
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
  // Connecting can take as long as the controller is away.
  notify.ready();
  const ending = new AbortController();
  void stopped.then(() => ending.abort());
  if (await wasRemoved(flags.dataDirectory, identity)) {
    const common = { clock: systemClock, log };
    await removeContainers({ ...common, driver, listener }, REMOVAL_MS, ending.signal);
    await untilReadmitted({ ...common, directory: flags.dataDirectory, dialer, signal: ending.signal });
  }
  const work = async () => {
    await node.start();
    return Promise.race([node.ended, stopped]);
  };
  const end = ending.signal.aborted ? 'stopped' : await Promise.race([node.ended, stopped, work()]);
  if (end !== 'stopped' && end.why === 'fault')
    log.error('node.fault', { error: end.error instanceof Error ? end.error.message : String(end.error) });
  notify.stopping();
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
