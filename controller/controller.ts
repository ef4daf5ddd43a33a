/** Assembles a controller: core, files, store, bus, HTTP and gRPC. Contains no logic of its own. */
import { join } from 'node:path';
import { encodeJoinToken } from '../proto/join-token.ts';
import { setTlsDefaults } from '../proto/tls-defaults.ts';
import type { Barriers } from '../seams/barrier.ts';
import type { Clock } from '../seams/clock.ts';
import type { Disk } from '../seams/disk.ts';
import type { FreeSpace } from '../seams/free-space.ts';
import type { Log } from '../seams/log.ts';
import type { PrometheusMetrics } from '../seams/prometheus.ts';
import type { Random } from '../seams/random.ts';
import { backUpBeforeUpgrade } from './backup/before-upgrade.ts';
import { auditBus } from './bus/audit-sink.ts';
import type { Bus } from './bus/bus.ts';
import { openBus, openNews } from './bus/open-bus.ts';
import { openCore } from './core.ts';
import type { Core } from './core-deps.ts';
import type { Mutation } from './domain/engine/mutation.ts';
import { type E2bServer, listenForE2b } from './e2b/e2b-server.ts';
import { seed } from './first-start.ts';
import { openAuthority } from './grpc/authority.ts';
import { NODE_CERTIFICATE_LIFE_MS } from './grpc/certificates.ts';
import { startNodeServer } from './grpc/node-server.ts';
import type { NodeServer } from './grpc/node-server-options.ts';
import { createApp } from './http/app.ts';
import { listenerBounds } from './http/server/listener-bounds.ts';
import { type HttpServer, listen } from './http/server/server.ts';
import { ServedCertificate } from './http/tls/served-certificate.ts';
import { nodeSide } from './node-side.ts';
import { openSealing } from './open-sealing.ts';
import { openRegistry } from './registry/open-registry.ts';
import { RegistryProxy } from './registry/registry-proxy.ts';
import { createPasswords } from './services/access/passwords.ts';
import { signingKeyLoop } from './services/access/signing-key-loop.ts';
import { openTokenKeys } from './services/access/token-keys.ts';
import { createTokens } from './services/access/tokens.ts';
import { ByteTurns } from './services/budget/byte-turns.ts';
import { DiskWatch } from './services/engine/disk-watch.ts';
import type { Store } from './services/engine/store.ts';
import { eventIds } from './services/events/event-ids.ts';
import type { NodesToStop } from './services/fleet/fleet.ts';
import { caRotationLoop } from './services/nodes/ca-rotation-loop.ts';
import { LEASE } from './services/nodes/lease.ts';
import { removedNodesLoop } from './services/nodes/removed-nodes-loop.ts';
import { previewOrigins } from './services/ports/preview-origins.ts';
import { AUDIT_DEFAULTS, type AuditSettings } from './settings/audit-settings.ts';
import { isLoopback } from './settings/http-settings.ts';
import type { Settings } from './settings/settings.ts';
import { auditFile } from './store/files/audit-file.ts';
import { buildLogFiles } from './store/files/build-log-files.ts';
import { openClusterFiles } from './store/files/cluster-files.ts';
import { sourceFiles } from './store/files/source-files.ts';
import { HashThreads } from './store/password-hash/threads.ts';
import { SourceChecker } from './store/source-check/checker.ts';
import { openControllerStore } from './store/sqlite/controller-store.ts';

type SettingWithDefault =
  | 'e2b'
  | 'audit'
  | 'registry'
  | 'imageGraceMs'
  | 'budgets'
  | 'hidesCommands'
  | 'proxies'
  | 'previewDomain'
  | 'lease'
  | 'sizes'
  | 'diskLowBytes'
  | 'metricsToken';
type NodeSettings = Settings['nodes'];
type NodeSettingWithDefault = 'certificateLifeMs' | 'bounds';

export interface ControllerOptions
  extends Pick<Settings, 'http' | 'nats' | 'baseImage' | 'adminPassword' | 'defaultProfiles' | 'corsOrigins'>,
    Partial<Pick<Settings, SettingWithDefault>> {
  /** All state of this controller. Created if missing. */
  readonly directory: string;
  readonly nodes: Omit<NodeSettings, NodeSettingWithDefault> & Partial<Pick<NodeSettings, NodeSettingWithDefault>>;
  /** Treats an answer that its route does not declare as an error: for tests and development. */
  readonly checkAnswers?: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly freeSpace: FreeSpace;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly metrics: PrometheusMetrics;
  /** Called when memory and disk can differ, so that the process must exit. */
  readonly onFatal: (error: unknown) => void;
}

export interface Controller {
  /** The core, for programs that embed a controller. */
  readonly core: Core;
  readonly http: HttpServer;
  /** The listener for the SDKs of E2B, if there is one. */
  readonly e2b: E2bServer | undefined;
  readonly nodes: NodeServer;
  readonly adminPasswordPath: string | undefined;
  /** Reads the certificate of REST again, soon. Does nothing without TLS. */
  reloadCertificate(): void;
  /**
   * Closes the controller. First removes the containers of the nodes that are to stop and stops
   * their node agents, waiting at most `graceMs` for them.
   */
  close(options?: { readonly shutDownNodes: NodesToStop; readonly graceMs: number }): Promise<void>;
}

export async function startController(options: ControllerOptions): Promise<Controller> {
  setTlsDefaults();
  const { directory, clock, random, disk, log, barriers, metrics } = options;
  const { tls: certificateFiles, ...address } = options.http;
  const certificate = certificateFiles && (await ServedCertificate.open({ files: certificateFiles, clock, log, metrics }));
  const cluster = await openClusterFiles(directory, disk, random);
  const keys = join(directory, 'keys');
  const authority = await openAuthority({
    directory: join(keys, 'ca'),
    clusterId: cluster.clusterId,
    clock,
    random,
    log,
    nodeCertificateLifeMs: options.nodes.certificateLifeMs,
  });
  const tokens = createTokens({ keys: await openTokenKeys(keys, disk, random), clock, random });
  await backUpBeforeUpgrade(options);
  const store = await openControllerStore({ path: join(directory, 'raworc.db'), epoch: cluster.epoch, clock, log, metrics });
  const sealing = await openSealing(store.view, join(keys, 'seal'), random);
  const checker = new SourceChecker({ clock, log, metrics });
  const turns = new ByteTurns({ clock, isInUse: () => core.budgets.isInUse });
  const sourceStore = await sourceFiles(join(directory, 'sources'), { disk, random, clock, checker, turns });
  const buildLogs = await buildLogFiles(join(directory, 'build-logs'), disk);
  const bus = openBus(options.nats, { clock, log, metrics });
  const argon2 = new HashThreads();
  const passwords = createPasswords({ random, argon2, clock });

  const diskWatch = new DiskWatch({ directory, freeSpace: options.freeSpace, lowBytes: options.diskLowBytes, log, metrics });
  await diskWatch.look();

  let addresses: { joinAddresses: string[]; nodeAddresses: string[] } = { joinAddresses: [], nodeAddresses: [] };
  const { version, baseImage, corsOrigins, checkAnswers = false } = options;
  const choice = options.registry ?? { kind: 'off' };
  const registry = await openRegistry(choice, { directory, clock, log, metrics });
  // Its storage is beside the database.
  const isTight = () => choice.kind === 'own' && choice.s3 === undefined && diskWatch.isTightForImages;
  let httpPort = 0;
  const core = openCore({
    store,
    news: openNews(options.nats, bus, log),
    sourceStore,
    buildLogs,
    passwords,
    sealing,
    clock,
    random,
    log,
    barriers,
    metrics,
    clusterId: cluster.clusterId,
    storeKey: cluster.storeKey,
    caDigest: () => authority.digest,
    baseImage,
    version,
    budgets: options.budgets,
    showsCommands: options.hidesCommands !== true,
    lease: options.lease ?? LEASE,
    sizes: options.sizes,
    nodeRules: options.nodes.bounds?.rules,
    builds: options.nodes.bounds?.builds,
    audit: auditOf(options.audit ?? AUDIT_DEFAULTS, store, bus),
    registry,
    collection: { graceMs: options.imageGraceMs, isDiskLow: isTight },
    growthRefusal: () => diskWatch.refusal(),
    onFatal: options.onFatal,
    origins: previewOrigins(options.previewDomain, certificate !== undefined, () => httpPort),
    joinLine: (id, secret) => encodeJoinToken({ ...addresses, caHash: authority.caHash, id, secret }),
    health: {
      checkStore: store.check,
      degradations: {
        bus: () => (bus.connected ? 0 : 1),
        bus_credentials: () => (bus.areCredentialsRefused === true ? 1 : 0),
        reader: store.readersDown,
        disk_low: () => (diskWatch.isLow ? 1 : 0),
        certificate: () => (certificate?.isFaulty === true ? 1 : 0),
        registry: () => (choice.kind !== 'off' && registry?.isUp !== true ? 1 : 0),
      },
    },
  });
  const { certificateLifeMs = 0 } = options.nodes;
  removedNodesLoop({ ...core, certificateLifeMs: Math.max(certificateLifeMs, NODE_CERTIFICATE_LIFE_MS) });

  await seed(core, passwords, options);
  diskWatch.watch(core.loops);
  certificate?.watch(core.loops);
  signingKeyLoop({ loops: core.loops, tokens, read: () => openTokenKeys(keys, disk, random), log });
  caRotationLoop({ ...core, log, metrics, authorities: authority });
  core.start();

  const proxy =
    registry &&
    core.images &&
    new RegistryProxy({
      ...{ ...options, upstream: registry, rights: core.images.grants, isTight },
      isInUse: () => core.budgets.isInUse,
    });
  if (proxy !== undefined) core.applier.onCommitted(({ mutations }) => cutOffRevoked(proxy, mutations));
  await registry?.start();
  const nodes = await startNodeServer({
    authority,
    clock,
    random,
    log,
    metrics,
    ...options.nodes.bounds,
    host: options.nodes.host,
    nodePort: options.nodes.port,
    joinPort: options.nodes.joinPort,
    registry: proxy,
    ...nodeSide(core, authority, sourceStore, { ...options, epoch: cluster.epoch }, () => addresses),
  });
  addresses = {
    joinAddresses: options.nodes.advertise.map((host) => `${host}:${nodes.joinPort}`),
    nodeAddresses: options.nodes.advertise.map((host) => `${host}:${nodes.nodePort}`),
  };
  const edge = {
    services: core.services,
    tokens,
    eventIds: eventIds(cluster.storeKey),
    log,
    clock,
    random,
    version,
    corsOrigins,
    checkAnswers,
    budgets: core.budgets,
    spaces: core.spaces,
    proxies: options.proxies,
    metrics,
    metricsToken: options.metricsToken,
  };
  const app = createApp(edge);
  const http = await listen(app, { ...address, tls: certificate });
  const e2b =
    options.e2b &&
    (await listenForE2b(
      {
        ...core.services.sandboxes,
        ...{ services: core.services, ports: core.services.ports, view: core.view, budgets: core.budgets, clock, random, log },
        ...{ addresses: app.addresses, bounds: listenerBounds(app), domain: options.e2b.domain },
      },
      { host: address.host, port: options.e2b.port, tls: certificate },
    ));
  httpPort = http.port;
  if (certificate === undefined && !isLoopback(http.host))
    log.warn('http.plain', { url: http.url, warning: 'Passwords and tokens cross the network unencrypted unless a proxy terminates TLS' });

  return {
    core,
    http,
    e2b,
    nodes,
    adminPasswordPath: options.adminPassword === undefined ? join(directory, 'admin-password') : undefined,
    reloadCertificate: () => certificate?.reload(),
    async close({ shutDownNodes, graceMs } = { shutDownNodes: [], graceMs: 0 }) {
      await Promise.all([http.close(), e2b?.close()]);
      checker.close();
      if (shutDownNodes === 'all' || shutDownNodes.length > 0) {
        const limit = new AbortController();
        const timer = clock.after(graceMs, () => limit.abort());
        await core.fleet.shutDownNodes(shutDownNodes, graceMs, limit.signal);
        timer.cancel();
      }
      core.fleet.close();
      await nodes.close();
      proxy?.close();
      await core.close();
      await registry?.close();
      await argon2.close();
      await bus.close();
      await store.close();
    },
  };
}

const auditOf = ({ kept, file, isOnBus }: AuditSettings, store: Pick<Store, 'audit'>, bus: Bus) => ({
  kept,
  cursor: store.audit,
  sinks: [...(file === undefined ? [] : [auditFile(file)]), ...(isOnBus ? [auditBus(bus)] : [])],
});

/** A node that is revoked loses its connections to the registry, too. */
function cutOffRevoked(proxy: RegistryProxy, mutations: readonly Mutation[]): void {
  for (const one of mutations) if (one.kind === 'put' && one.table === 'nodes' && one.row.revokedAt !== null) proxy.cutOff(one.row.id);
}
