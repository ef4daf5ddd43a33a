import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsAccess } from '../../controller/bus/nats-access.ts';
import { startController } from '../../controller/controller.ts';
import type { CertificateFiles } from '../../controller/http/tls/key-pair.ts';

import { AUDIT_DEFAULTS } from '../../controller/settings/audit-settings.ts';
import type { RegistrySettings } from '../../controller/settings/registry-settings.ts';
import { noBarriers } from '../../seams/barrier.ts';
import type { FreeSpace } from '../../seams/free-space.ts';
import type { Log } from '../../seams/log.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { systemClock, systemDisk, systemFreeSpace, systemRandom } from '../../seams/system.ts';
import { Rest } from '../cluster/rest.ts';
import { startHollowNode } from './hollow-node.ts';

/** The server under test. */
export interface Target {
  readonly url: string;
  readonly password: string;
  /** As the admin. */
  readonly rest: Rest;
  /** Whether its nodes only pretend: agents answer "echo: " and the message. */
  readonly hollow: boolean;
  /**
   * Sessions whose containers and volumes were on its node before the controller ever heard of
   * them; none where the target is elsewhere.
   */
  readonly orphans: Readonly<Record<'running' | 'volume' | 'unwanted', string>> | undefined;
  /** Ends its node, as if the host were switched off. */
  endNode(): Promise<void>;
  /**
   * Its data, and its end, after which nothing is written any more; undefined when the target is
   * elsewhere.
   */
  readonly own: { readonly directory: string; reloadCertificate(): void; close(): Promise<void> } | undefined;
  /** The listener for the SDKs of E2B, where it was asked for. */
  readonly e2b?: string | undefined;
  /** Files kept of uploads; undefined when the target is elsewhere. */
  sources(): Promise<string[] | undefined>;
}

interface Scope {
  teardown(run: () => Promise<void>): unknown;
}

const IMAGE = 'raworc/session:contract';
const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error: (event, fields) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
};

/**
 * Connects to the controller at RAWORC_CONTRACT_URL, with the admin's password in
 * RAWORC_CONTRACT_PASSWORD. Without these, starts one with a hollow node in this process.
 */
export async function openTarget(t: Scope, own: OwnTarget = {}): Promise<Target> {
  const { RAWORC_CONTRACT_URL: url, RAWORC_CONTRACT_PASSWORD: password } = process.env;
  if (url === undefined || password === undefined) return ownTarget(t, own);
  return { url, password, rest: await Rest.login(url, 'admin', password), hollow: false, ...elsewhere };
}

const elsewhere = { own: undefined, orphans: undefined, sources: async () => undefined, endNode: async () => undefined };

interface OwnTarget {
  readonly freeSpace?: FreeSpace;
  /** Where the audit record is exported to. */
  readonly auditFile?: string;
  readonly tls?: CertificateFiles;
  readonly registry?: RegistrySettings;
  readonly nats?: NatsAccess;
  /** Whether it listens for the SDKs of E2B. */
  readonly e2b?: boolean;
}

async function ownTarget(
  t: Scope,
  { freeSpace = systemFreeSpace, auditFile, tls, registry, nats, e2b = false }: OwnTarget,
): Promise<Target> {
  const directory = await mkdtemp(join(tmpdir(), 'raworc-contract-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const password = 'a password of the contract';
  const controller = await startController({
    directory: join(directory, 'controller'),
    http: { host: '127.0.0.1', port: 0, ...(tls === undefined ? {} : { tls }) },
    ...(e2b ? { e2b: { port: 0, domain: 'sbx.test:3443' } } : {}),
    nodes: { host: '127.0.0.1', port: 0, joinPort: 0, advertise: ['127.0.0.1'] },
    nats,
    ...(registry === undefined ? {} : { registry }),
    baseImage: IMAGE,
    adminPassword: password,
    corsOrigins: [],
    previewDomain: 'preview.test',
    ...(auditFile === undefined ? {} : { audit: { ...AUDIT_DEFAULTS, file: { path: auditFile, maxBytes: 1e9, kept: 1 } } }),
    checkAnswers: true,
    version: '0.0.0-contract',
    clock: systemClock,
    random: systemRandom,
    disk: systemDisk,
    freeSpace,
    log,
    barriers: noBarriers,
    metrics: prometheusMetrics({ processMetrics: false }),
    onFatal: (error) => {
      throw error;
    },
  });
  t.teardown(() => controller.close());
  const { url } = controller.http;
  const rest = await Rest.login(url, 'admin', password);
  const orphans = { running: randomUUID(), volume: randomUUID(), unwanted: randomUUID() };
  const node = await startHollowNode({
    ...{ name: 'hollow', directory: join(directory, 'node'), token: await rest.nodeToken(), image: IMAGE, log },
    // Room for a session per operation.
    capacity: { cpuMillis: 16_000, memoryBytes: 32 * 1024 ** 3, sessions: 0 },
    leftBehind: Object.entries(orphans).map(([kind, sessionId]) => ({ sessionId, isRunning: kind !== 'volume' })),
  });
  t.teardown(() => node.close());
  await nodeIsReady(rest);
  const kept = join(directory, 'controller', 'sources');
  const own = { directory, reloadCertificate: () => controller.reloadCertificate(), close: () => controller.close() };
  return {
    url,
    password,
    rest,
    e2b: controller.e2b?.url,
    hollow: true,
    own,
    orphans,
    sources: () => readdir(kept),
    endNode: () => node.close(),
  };
}

/** The node can connect before the watcher does, so the list is read once the stream is open. */
async function nodeIsReady(rest: Rest): Promise<void> {
  const stream = await rest.watch('/events');
  try {
    if ((await rest.nodes()).some(({ status }) => status === 'ready')) return;
    await stream.until('a node connects', ({ type }) => type === 'node.ready');
  } finally {
    stream.close();
  }
}
