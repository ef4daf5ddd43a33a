import { newsOnBus } from '../../../controller/bus/news.ts';
import { openCore } from '../../../controller/core.ts';
import type { Core } from '../../../controller/core-deps.ts';
import type { NodeId } from '../../../controller/domain/engine/ids.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import { accepted } from '../../../controller/domain/engine/outcome.ts';
import type { NewEvent } from '../../../controller/domain/events/events.ts';
import type { NodeRules } from '../../../controller/domain/nodes/node-rules.ts';
import { SseStreams } from '../../../controller/http/events/sse-streams.ts';
import type { StreamProof } from '../../../controller/services/fleet/node-stream/deps.ts';
import { LEASE } from '../../../controller/services/nodes/lease.ts';
import { PreviewOrigins } from '../../../controller/services/ports/preview-origins.ts';
import { openBareStore, type SqliteStore } from '../../../controller/store/sqlite/bare-store.ts';
import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import type { StreamLink } from '../../../proto/streams/stream-frame.ts';
import { silentMetrics } from '../../../seams/metrics.ts';
import type { LogShelf } from './builds/log-shelf.ts';
import type { SourceShelf } from './builds/source-shelf.ts';
import type { Broker } from './bus.ts';
import { ChangeRecords } from './change-records.ts';
import { ProcessClock, type WallClock } from './clock.ts';
import { joinLine } from './joined.ts';
import { Life } from './life.ts';
import { PlacementAudit } from './placement-audit.ts';
import type { SeededRandom } from './random.ts';
import type { SimulatedRegistry } from './registry.ts';
import { RoomAudit } from './room-audit.ts';
import { RING, SEALING_KEYS } from './sealing.ts';
import { simulatedSyncer } from './simulated-syncer.ts';
import { SIZES } from './sizes.ts';
import { StorageAudit } from './storage-audit.ts';
import { IMAGE, listsOn, watchedWriter } from './store.ts';
import { barriersAt, type Surroundings } from './surroundings.ts';

export interface ControllerOptions {
  readonly around: Surroundings;
  readonly name: string;
  readonly path: string;
  readonly epoch: number;
  readonly clusterId: string;
  readonly broker: Broker;
  readonly wall: WallClock;
  readonly random: SeededRandom;
  readonly nodeRules: NodeRules;
  /** That a space has if it says nothing else. */
  readonly slots: number;
  /** How long a node can be unreachable before it is lost. */
  readonly lostAfterMs: number;
  readonly registry: SimulatedRegistry | undefined;
  /** Its files of sources and logs of builds. Undefined in runs without repositories. */
  readonly shelves?: { readonly sources: SourceShelf; readonly logs: LogShelf };
  /** Of the release before this one. */
  readonly isPrevious: boolean;
  readonly committed: (mutations: readonly Mutation[], events: readonly NewEvent[]) => void;
  /** Throws like SQLite if the store's disk is full. */
  readonly takeRoom: () => void;
  /** Called when it exits because a COMMIT failed. */
  readonly ended: () => void;
}

const notHere = (): never => {
  throw new Error('not in the simulation');
};

/** One process of the controller: the production core on the real store. */
export class ControllerProcess {
  readonly life: Life;
  readonly core: Core;
  readonly streams: SseStreams;
  readonly isPrevious: boolean;
  /** Requests whose callers wait for room. */
  waiting = 0;
  readonly #store: SqliteStore;
  readonly #sync: { readonly isOpen: boolean };
  readonly #lists: { close(): void };

  private constructor(
    { isPrevious }: ControllerOptions,
    life: Life,
    core: Core,
    streams: SseStreams,
    store: SqliteStore,
    sync: { readonly isOpen: boolean },
    lists: { close(): void },
  ) {
    this.isPrevious = isPrevious;
    this.life = life;
    this.core = core;
    this.streams = streams;
    this.#store = store;
    this.#sync = sync;
    this.#lists = lists;
  }

  static async start(options: ControllerOptions): Promise<ControllerProcess> {
    const { around, name, path, epoch, clusterId, random } = options;
    const life = new Life(name);
    const clock = new ProcessClock(around.time, life, options.wall);
    const store = await openBareStore(path, epoch, { syncer: simulatedSyncer(clock, random.fork(`disk of ${name}`)) });
    const { lists, close } = listsOn(path);
    const log = around.trace.log(name, (event, { session, expiry, by }) => {
      if (event === 'sandbox.ended') around.auditors.limits.sandboxEnded(String(session), String(by));
      if (event !== 'session.expired') return;
      around.auditors.deadlines.expired(String(session), String(expiry));
      around.auditors.uses.expired(String(session), String(expiry));
    });
    const strike = (phase: 'commit.before' | 'commit.after') => {
      void around.reach(phase, { life });
      if (life.isDead) throw new Error('killed');
    };
    const sync = { isOpen: false };
    let process: ControllerProcess | undefined;
    const rooms = new RoomAudit(around.chronicle.sessions.values(), around.auditors.slots.rows.values(), around.violation);
    const { nodeRules: rules } = options;
    const placements = new PlacementAudit(around.chronicle.sessions.values(), around.auditors.slots.rows.values(), {
      view: store.writer.view,
      rules,
      isAnyoneWaiting: () => (process?.waiting ?? 0) > 0,
      violation: around.violation,
    });
    const storage = new StorageAudit(path, around.violation);
    const records = new ChangeRecords(path, around.violation);
    const writer = watchedWriter(store.writer, {
      before: () => strike('commit.before'),
      apply: () => options.takeRoom(),
      decided(pending, own, tells) {
        rooms.decided(pending);
        placements.decided(pending, own);
        records.decided(pending, tells);
      },
      after(mutations, events) {
        options.committed(mutations, events);
        storage.committed();
        records.committed(mutations);
        strike('commit.after');
      },
      syncing() {
        sync.isOpen = true;
      },
      shown(mutations) {
        sync.isOpen = false;
        rooms.committed(mutations);
        placements.committed(mutations);
      },
    });
    const core = openCore({
      store: { writer, view: store.view, lists, events: store.events },
      ...{ news: newsOnBus(options.broker.busFor(life), log), clusterId, storeKey: new Uint8Array(32), baseImage: IMAGE },
      ...(options.shelves && { buildLogs: options.shelves.logs.storeFor(life) }),
      sourceStore: options.shelves?.sources.storeFor(life) ?? { receive: notHere, remove: async () => undefined, kept: async () => [] },
      passwords: { hash: async (password) => accepted(password), verify: async (password, hash) => accepted(password === hash) },
      sealing: { ring: RING, keys: SEALING_KEYS },
      ...{
        version: 'sim',
        lease: { ...LEASE, lostAfterMs: options.lostAfterMs },
        sizes: { ...SIZES, slots: options.slots },
        nodeRules: rules,
      },
      ...{ clock, random: random.fork(name), log, metrics: silentMetrics },
      barriers: barriersAt(around, { life }),
      onFatal(fault) {
        around.trace.note(name, `ends: ${fault instanceof Error ? fault.message : String(fault)}`);
        if (!life.isDead) options.ended();
      },
      registry: options.isPrevious ? undefined : options.registry?.forController(life),
      // So short that images go in the middle of a run.
      collection: { graceMs: 3_000 },
      joinLine,
      origins: new PreviewOrigins('preview.test', { scheme: 'http', port: () => 80 }),
      health: { checkStore: () => undefined, degradations: {} },
    });
    rooms.of(core.directory);
    placements.of(core.directory);
    const streams = new SseStreams(clock);
    core.services.accounts.onRightsChanged((change) => streams.judge(change));
    process = new ControllerProcess(options, life, core, streams, store, sync, {
      close() {
        storage.close();
        records.close();
        close();
      },
    });
    core.start();
    return process;
  }

  /** A commit is not durable yet, so that it has told nobody. */
  get isSyncing(): boolean {
    return this.#sync.isOpen;
  }

  accept(nodeId: string, link: Link<ControllerFrame, NodeFrame>, proof: StreamProof): void {
    this.core.fleet.connect(nodeId as NodeId, link, proof);
  }

  acceptStream(nodeId: string, link: StreamLink): void {
    this.core.streams.accept(nodeId as NodeId, link);
  }

  /** `close` releases its files on a later turn, when no transaction is in progress. */
  kill(): void {
    this.life.kill();
  }

  close(): void {
    this.#lists.close();
    this.#store.close();
  }
}
