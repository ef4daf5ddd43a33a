/** The measured controller and its sessions. */

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type ControllerOptions, startController } from '../../controller/controller.ts';
import type { AccountId, NodeId, SessionId, SpaceId } from '../../controller/domain/engine/ids.ts';
import { type NodeRow, UNMANAGED } from '../../controller/domain/nodes/rows.ts';
import type { SessionRow } from '../../controller/domain/sessions/rows.ts';
import { DEFAULT_LIMITS, DEFAULT_REQUESTS } from '../../controller/domain/sessions/session-sizes.ts';
import { parseLimits } from '../../controller/services/budget/limits.ts';
import { LEASE } from '../../controller/services/nodes/lease.ts';
import { openBareStore } from '../../controller/store/sqlite/bare-store.ts';
import { noBarriers } from '../../seams/barrier.ts';
import type { Log } from '../../seams/log.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { systemClock, systemDisk, systemFreeSpace, systemRandom } from '../../seams/system.ts';

const UNBOUNDED = parseLimits(
  ['requests.account', 'requests.address', 'changes.account', 'changes.space'].map((name) => `${name}=1000000`).join(', '),
);

export const IMAGE = 'raworc/session:bench';
export const PASSWORD = 'a password of the bench';

export interface Setting {
  readonly directory: string;
}

export const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error: (event, fields) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
};

export function benchController({ directory }: Setting): ControllerOptions {
  return {
    directory,
    http: { host: '127.0.0.1', port: 0 },
    nodes: { host: '127.0.0.1', port: 0, joinPort: 0, advertise: ['127.0.0.1'] },
    // Rate limiting is part of the measurement, but its default limits are too low for it.
    budgets: UNBOUNDED,
    ...{ nats: undefined, baseImage: IMAGE, adminPassword: PASSWORD, corsOrigins: [], version: '0.0.0-bench' },
    // The node of the resting sessions is away and must not count as lost.
    lease: { ...LEASE, lostAfterMs: 24 * 3600_000 },
    ...{ clock: systemClock, random: systemRandom, disk: systemDisk, freeSpace: systemFreeSpace, log, barriers: noBarriers },
    metrics: prometheusMetrics({ processMetrics: false }),
    onFatal: (error) => {
      throw error;
    },
  };
}

const IN_ONE_COMMIT = 5000;

/**
 * Creates a controller's directory with suspended sessions in the space `default`. Returns their
 * ids.
 */
export async function fillController(setting: Setting, count: number): Promise<string[]> {
  const seeded = await startController(benchController(setting));
  await seeded.close();
  const store = await openBareStore(join(setting.directory, 'raworc.db'), 1);
  const { writer } = store;
  try {
    const space = store.view.spaceByName('default');
    const admin = store.view.accountByUser('admin');
    if (space === undefined || admin === undefined) throw new Error('the store was not seeded');
    const node = nodeAtRest();
    const from = Date.now() - count * 1000;
    const ids: string[] = [];
    writer.transaction(() => writer.apply({ kind: 'put', table: 'nodes', row: node }));
    while (ids.length < count) {
      writer.transaction(() => {
        for (let at = 0; at < IN_ONE_COMMIT && ids.length < count; at += 1) {
          const row = atRest(ids.length, from + ids.length * 1000, { spaceId: space.id, accountId: admin.id, nodeId: node.id });
          writer.apply({ kind: 'put', table: 'sessions', row });
          ids.push(row.id);
        }
      });
    }
    writer.transaction(() => writer.keepLastTime(Date.now()));
    return ids;
  } finally {
    store.close();
  }
}

function nodeAtRest(): NodeRow {
  const now = Date.now();
  return {
    ...{ id: randomUUID() as NodeId, name: 'at-rest', incarnation: 1, joinedAt: now, driver: 'hollow', version: '0.0.0-bench' },
    ...{
      cpuMillis: 64_000,
      memoryBytes: 2 ** 38,
      maxSessions: 0,
      bounds: null,
      lastSeenAt: now,
      unreachableSince: null,
      lostAt: null,
      ...UNMANAGED,
      keyHash: null,
      revokedAt: null,
    },
  };
}

interface Owners {
  readonly spaceId: SpaceId;
  readonly accountId: AccountId;
  readonly nodeId: NodeId;
}

function atRest(number: number, createdAt: number, { spaceId, accountId, nodeId }: Owners): SessionRow {
  const id = randomUUID() as SessionId;
  return {
    ...{
      id,
      name: `session-${number}`,
      spaceId,
      desired: 'suspended',
      generation: 2,
      nodeId,
      placedGeneration: 1,
      profile: 'locked',
      imageName: null,
      isolation: null,
      restoredFrom: null,
    },
    ...{ image: IMAGE, buildId: null, agents: [], requests: DEFAULT_REQUESTS, limits: DEFAULT_LIMITS, phase: 'suspended' },
    ...{ observedGeneration: 2, observedOrder: { incarnation: 1, boot: 1, number }, containerId: null },
    ...{
      volume: `raworc_session_data_${id}`,
      wakeWanted: false,
      graceMs: 30_000,
      hasRun: true,
      life: null,
      reason: null,
      lastSeq: 2,
      epochSeq: 0,
      outstanding: 0,
    },
    ...{
      parentId: null,
      copyFrom: null,
      timeouts: { idle_suspend_s: 3600 },
      metadata: { purpose: 'bench', number },
      constraints: [],
      preferences: [],
    },
    ...{ createdBy: 'admin', createdById: accountId, createdAt, updatedAt: createdAt + 500, startedAt: createdAt + 100 },
    ...{ keptAwake: false, lastActivityAt: createdAt + 400, terminatedAt: null, terminationReason: null },
  };
}
