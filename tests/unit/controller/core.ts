/** A controller's core on a real store in a directory of the test's own: applier, capacity and rows, without edges. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstStart } from '../../../controller/domain/access/commands/logins.ts';
import type { BuildRow } from '../../../controller/domain/builds/rows.ts';
import type { Fleet, FleetNode } from '../../../controller/domain/engine/fleet.ts';
import type { AccountId, AgentId, BuildId, MessageId, NodeId, SessionId, SpaceId } from '../../../controller/domain/engine/ids.ts';
import { put } from '../../../controller/domain/engine/mutation.ts';
import { createSession } from '../../../controller/domain/sessions/commands/create-session.ts';
import { largestMaxima } from '../../../controller/domain/sessions/placement/filters.ts';
import { inOrder } from '../../../controller/domain/sessions/placement/load.ts';
import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import { DEFAULT_SIZE_RULES, type SizeRules, type Sizes } from '../../../controller/domain/sessions/session-sizes.ts';
import type { SessionView } from '../../../controller/domain/sessions/view.ts';
import { Applier } from '../../../controller/services/engine/applier.ts';
import { Capacity } from '../../../controller/services/engine/capacity.ts';
import type { GrowthRefusal } from '../../../controller/services/engine/commands/command-admission.ts';
import { openBareStore, type SqliteStore } from '../../../controller/store/sqlite/bare-store.ts';
import type { Syncer } from '../../../controller/store/sqlite/syncs/syncer.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import { systemClock, systemRandom } from '../../../seams/system.ts';

export const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export const NODE = 'node-a' as NodeId;
export const OTHER_NODE = 'node-b' as NodeId;
export const SPACE = '00000000-0000-4000-8000-000000000001' as SpaceId;
export const ACCOUNT = '00000000-0000-4000-8000-000000000002' as AccountId;
const MIB = 1024 * 1024;

export interface Core {
  readonly store: SqliteStore;
  readonly applier: Applier;
  /** Of the test's own nodes, always connected, with what is placed on them. */
  readonly fleet: Fleet;
  readonly capacity: Capacity;
  readonly fatal: unknown[];
  session(id: string): SessionRow;
  close(): void;
}

export type KnownNode = Omit<FleetNode, 'requested' | 'sessions' | 'limited'>;

export const node = (id: NodeId, more: Partial<KnownNode> = {}): KnownNode => ({
  id,
  name: id,
  ready: true,
  cpuMillis: 4000,
  memoryBytes: 4096 * MIB,
  maxSessions: 0,
  images: new Set(['base']),
  ...more,
});

/** Commands are decided by themselves also where the test moves the time. */
export const batching = (clock: Clock): Clock => ({
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  after: (delayMs, run) => clock.after(delayMs, run),
  soon: systemClock.soon,
});

/** All sessions of a node, but for the deleted. */
export const allOn = (view: SessionView, id: NodeId): readonly SessionRow[] => view.sessionsOnAfter(id, '', Number.MAX_SAFE_INTEGER);

export interface CoreOptions {
  readonly nodes?: readonly KnownNode[];
  readonly directory?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly metrics?: Metrics;
  readonly growthRefusal?: GrowthRefusal;
  /** The database grows no larger. */
  readonly maxBytes?: number;
  /** Default: commits sync. */
  readonly syncer?: Syncer;
  /** Default: no bound on the limits of all sessions together, of which tests make thousands. */
  readonly sizes?: SizeRules;
}

export async function openCore(options: CoreOptions = {}): Promise<Core> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'raworc-core-'));
  const { maxBytes, syncer } = options;
  const store = await openBareStore(join(directory, 'raworc.db'), 1, {
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(syncer === undefined ? {} : { syncer }),
  });
  const nodes = options.nodes ?? [node(NODE), node(OTHER_NODE)];
  const placed = nodes.flatMap(({ id }) => allOn(store.view, id));
  const capacity = new Capacity(placed);
  const fleet: Fleet = {
    nodes: () => nodes.map((known) => ({ ...known, ...capacity.ofNode(known.id) })),
    node: (id) => fleet.nodes().find((known) => known.id === id),
    byLoad: (load) => inOrder(fleet.nodes(), load),
    get maxima() {
      return largestMaxima(fleet.nodes());
    },
    spaceUse: (id) => capacity.ofSpace(id),
    slotUse: (id) => capacity.slotsOf(id),
    sessionsOfSpace: (space, node) => capacity.ofSpaceOn(space, node),
    sizes: options.sizes ?? { ...DEFAULT_SIZE_RULES, memoryOvercommit: 0, diskOvercommit: 0 },
  };
  const fatal: unknown[] = [];
  const clock = options.clock ?? systemClock;
  const applier = new Applier({
    store: store.writer,
    fleet,
    capacity,
    clock: batching(clock),
    log: options.log ?? silent,
    metrics: options.metrics ?? silentMetrics,
    growthRefusal: options.growthRefusal ?? (() => undefined),
    onFatal: (error) => fatal.push(error),
  });
  if (!store.view.hasAccounts()) await applier.apply(firstStart({ accountId: ACCOUNT, bindingId: 'b', spaceId: SPACE, passwordHash: 'x' }));
  return {
    store,
    applier,
    fleet,
    capacity,
    fatal,
    session(id) {
      const row = store.view.get('sessions', id);
      if (row === undefined) throw new Error(`no session ${id}`);
      return row;
    },
    close() {
      applier.close();
      store.close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Puts an image into the space that holds agents of these names, all active. */
export async function withAgents(core: Core, names: readonly string[], image = 'base'): Promise<void> {
  await core.applier.apply({
    name: 'test-agents',
    decide({ now }) {
      const program = { runtime: 'python', handler: 'main.process_message', idempotent: false } as const;
      const agents = names.map((name) => ({ id: `agent-${name}` as AgentId, name, digest: 'sha256:0', ...program }));
      const build: BuildRow = {
        ...{ id: `build-${now}` as BuildId, spaceId: SPACE, status: 'completed', image, imageId: 'i', baseImage: 'base', agents },
        ...{ unfetched: [], stages: [], nodeId: NODE, error: null, createdAt: now, completedAt: now, createdBy: 'admin' },
      };
      const rows = agents.map(({ id, name }) =>
        put('agents', {
          ...{
            id,
            spaceId: SPACE,
            name,
            description: null,
            purpose: null,
            sourceRepo: null,
            sourceBranch: 'main',
            sourceDirectory: null,
            sourceSecret: null,
            manifest: null,
            sourceCommit: null,
            wanted: 'active',
          },
          ...{ sourceDigest: 'sha256:0', program, sourceAt: now, sourceBytes: 1, sourceFiles: 1 },
          ...{ createdAt: now, updatedAt: now, createdBy: 'admin', createdById: ACCOUNT },
        }),
      );
      return { mutations: [...rows, put('builds', build)], events: [], result: undefined };
    },
  });
}

/** The smallest sizes, for tests with many sessions. */
export const LEAST_SIZES: Sizes = {
  requests: { cpuMillis: 1, memoryBytes: 1 },
  limits: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1, processes: 1 },
};

type GivenSession = Partial<Parameters<typeof createSession>[0] & Sizes>;

export const newSession = ({ requests, limits, ...more }: GivenSession = {}) =>
  createSession({
    id: systemRandom.uuid() as SessionId,
    spaceId: SPACE,
    name: null,
    metadata: {},
    timeouts: {},
    resources: {
      ...(requests && { requests: inApi(requests) }),
      ...(limits && { limits: { ...inApi(limits), disk_bytes: limits.diskBytes, processes: limits.processes } }),
    },
    baseImage: 'base',
    by: { accountId: ACCOUNT, user: 'admin' },
    request: undefined,
    ...more,
  });

const inApi = ({ cpuMillis, memoryBytes }: Sizes['requests']) => ({ cpu: cpuMillis / 1000, memory_bytes: memoryBytes });

export const newMessage = (sessionId: SessionId, content: string, more: object = {}) => ({
  id: systemRandom.uuid() as MessageId,
  sessionId,
  role: 'user' as const,
  content,
  metadata: {},
  wake: true,
  user: 'admin',
  request: undefined,
  ...more,
});

/** The same numbers for the same seed (mulberry32, Tommy Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
