import type { NodeId } from '../../../controller/domain/engine/ids.ts';
import type { Mutation } from '../../../controller/domain/engine/mutation.ts';
import type { Outcome } from '../../../controller/domain/engine/outcome.ts';
import type { View } from '../../../controller/domain/engine/view.ts';
import type { EventLog } from '../../../controller/domain/events/event-log.ts';
import type { NewEvent } from '../../../controller/domain/events/events.ts';
import { type NodeRules, SANE_NODE } from '../../../controller/domain/nodes/node-rules.ts';
import type { Caller } from '../../../controller/services/access/caller.ts';
import type { Services } from '../../../controller/services/services.ts';
import { DialError } from '../../../node-agent/control/dial-error.ts';
import type { Dialer } from '../../../node-agent/control/dialer.ts';
import { controllerFrames, nodeFrames } from '../../../proto/codec.ts';
import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import type { StreamLink } from '../../../proto/streams/stream-frame.ts';
import { type StreamFrame, streamFrames } from '../../../proto/streams/stream-frame.ts';
import { Auditors } from './auditors.ts';
import { FetchAudit } from './builds/fetch-audit.ts';
import { GitServer } from './builds/git-server.ts';
import { LogShelf } from './builds/log-shelf.ts';
import { sourceCalls } from './builds/source-calls.ts';
import { SourceShelf } from './builds/source-shelf.ts';
import { Broker } from './bus.ts';
import { Chronicle } from './chronicle.ts';
import { BEGAN_AT, SimulatedTime, type WallClock } from './clock.ts';
import { Clones } from './clones.ts';
import { ControllerProcess } from './controller-process.ts';
import { Depot } from './depot.ts';
import { DISKS } from './label-rules.ts';
import type { Life } from './life.ts';
import { Machine, type MachineOptions } from './machine.ts';
import { Connection } from './network.ts';
import { overheard } from './overhear.ts';
import type { Phase } from './phases.ts';
import { SeededRandom } from './random.ts';
import { SimulatedRegistry } from './registry.ts';
import { asPreviousController, asPreviousNode, type Releases, releasesOf } from './releases.ts';
import { slotsIn } from './sizes.ts';
import { ACCOUNT, IMAGE, type NewNode } from './store.ts';
import type { Place, Surroundings } from './surroundings.ts';
import { Trace } from './trace.ts';
import { TicketThieves } from './uses/ticket-thieves.ts';
import { Witness } from './witness.ts';

/** What a machine got when it joined. */
export interface Joined extends Pick<MachineOptions, 'id' | 'name' | 'incarnation' | 'key'> {}

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly print: ((line: string) => void) | undefined;
  /** Whether an agent comes from a repository. */
  readonly fetches?: boolean;
}

const MIB = 1024 * 1024;
const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';
/** Maximum number of violations reported per run, since the first ones matter. */
const MAX_TOLD = 20;

/** A controller, its broker and machines with node agents, in one process, under one clock. */
export class Cluster implements Surroundings {
  readonly time = new SimulatedTime();
  readonly chronicle = new Chronicle();
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly broker: Broker;
  readonly machines: Machine[] = [];
  /** Undefined in runs without one. */
  readonly registry: SimulatedRegistry | undefined;
  /** Undefined in runs without repositories. */
  git: GitServer | undefined;
  fetches: FetchAudit | undefined;
  readonly sources: SourceShelf;
  readonly logs: LogShelf;
  /** Whether agents work together in this run. */
  readonly together: boolean;
  readonly clones: Clones;
  readonly #thieves: TicketThieves;
  readonly violations: string[] = [];
  readonly wall: WallClock = { skewMs: 0 };
  controller: ControllerProcess | undefined;
  /** False once the controller starts to shut down, since HTTP closes first. */
  takesRequests = true;
  /** How many more changes fit on its disk. */
  roomInStore = Number.POSITIVE_INFINITY;
  /** Called at phases, once there are faults. */
  onPhase: (phase: Phase, place: Place) => Promise<void> | undefined = () => undefined;
  readonly #depot: Depot;
  readonly #witness: Witness;
  readonly auditors: Auditors;
  readonly #lostAfterMs: number;
  readonly nodeRules: NodeRules;
  /** That a space has if it says nothing else. 0: no session of this run is started ahead of need. */
  readonly slots: number;
  readonly #releases: Releases;
  #lives = 0;
  #starting = false;
  #restoring = false;
  /** Number of restores so far. What was received before belongs to another epoch of the store. */
  restores = 0;
  /** Called after each restore, before a controller is up. */
  readonly onRestored = new Set<() => void>();

  private constructor(options: ClusterOptions, depot: Depot, random: SeededRandom) {
    this.#depot = depot;
    this.random = random;
    this.together = this.random.fork('together').chance(0.6);
    this.trace = new Trace(this.time, depot.directory, options.print);
    this.#witness = new Witness({ chronicle: this.chronicle, view: () => this.view, violation: this.violation });
    this.#lostAfterMs = random.fork('lost after').pick([20_000, 600_000]) ?? 600_000;
    this.#releases = releasesOf(random.fork('releases'));
    this.nodeRules = rulesOf(random.fork('node rules'));
    this.slots = slotsIn(random.fork('slots'));
    this.auditors = new Auditors({
      ...{ chronicle: this.chronicle, machines: () => this.machines, view: () => this.view, violation: this.violation },
      nowMs: () => this.time.now,
      lostAfterMs: this.#lostAfterMs,
      schedule: (ms, work) => void this.time.schedule(ms, work),
      isPreviousController: () => this.controller?.isPrevious === true,
    });
    this.broker = new Broker(this.time, random.fork('broker'));
    this.sources = new SourceShelf({ git: () => this.git, view: () => this.view, violation: this.violation });
    this.logs = new LogShelf({ time: this.time, violation: this.violation });
    this.time.onFault = (fault) => this.violation(`a process crashed: ${stackOf(fault)}`);
    const registry = SimulatedRegistry.of(this);
    this.registry = registry;
    this.clones = new Clones(this);
    this.#thieves = new TicketThieves(this, random.fork('thieves'));
  }

  /** A machine joined as this node. */
  addMachine(joined: Joined): void {
    if (this.machines.some(({ id }) => id === joined.id)) return;
    this.trace.note(joined.name, `joined as ${joined.id}`);
    this.#addMachine(joined).startAgent();
  }

  #addMachine({ id, name, incarnation, key }: Joined): Machine {
    const at = this.machines.length;
    const { registry } = this;
    const random = this.random.fork(name);
    // Slots leave room to sessions, so that small machines have few.
    const room = this.slots > 0 ? (this.random.fork('room for slots').pick([1, 2, 3]) ?? 1) : 1;
    const machine = new Machine({
      ...{ around: this, id, name, key, incarnation, address: `10.0.0.${at + 1}`, clusterId: CLUSTER, image: IMAGE, random },
      memoryBytes: random.whole(6, 12) * 128 * MIB * room,
      sessions: (this.random.fork(`${name} bound`).pick([0, 0, 4, 7]) ?? 0) * room,
      bounds: boundsOf(this.random.fork(`${name} limits`), room),
      dialer: (one, life) => this.#dialer(one, life),
      transfer: registry && ((one) => ({ pull: (plan) => registry.pull(one, plan), push: (plan) => registry.push(one, plan) })),
      releases: this.#releases,
      git: this.git,
      ...imagesOf(at > 0 && registry !== undefined, this.random.fork(`${name} image`)),
    });
    this.machines.push(machine);
    return machine;
  }

  /**
   * A restored store does not know the node, and the node cannot prove that it joined: it would have
   * to join again.
   */
  #dismiss(machine: Machine): void {
    this.trace.note(machine.name, 'is unknown to the restored store');
    this.machines.splice(this.machines.indexOf(machine), 1);
    this.time.schedule(0, () => {
      machine.retire();
      machine.endContainers(true);
    });
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options, await Depot.open(nodesOf(options)), new SeededRandom(options.seed));
    if (options.fetches === true) {
      cluster.git = await GitServer.open(cluster);
      cluster.fetches = new FetchAudit(cluster.git, cluster.violation);
    }
    for (const { id, name } of nodesOf(options)) cluster.#addMachine({ id, name, incarnation: 1, key: `key of ${id}` });
    cluster.startController();
    for (const machine of cluster.machines) machine.startAgent();
    return cluster;
  }

  /** The committed state, independent of all processes. */
  get view(): View {
    return this.#depot.inspection.view;
  }

  get events(): EventLog {
    return this.#depot.inspection.events;
  }

  // Passed on without this object.
  readonly reach = (phase: Phase, place: Place): Promise<void> | undefined => this.onPhase(phase, place);

  readonly violation = (what: string): void => {
    this.trace.note('VIOLATION', what);
    if (this.violations.length < MAX_TOLD) this.violations.push(`at ${(this.time.now / 1000).toFixed(3)} s: ${what}`);
  };

  readonly committed = (mutations: readonly Mutation[], events: readonly NewEvent[]): void => {
    this.#witness.committed(mutations);
    this.auditors.committed(mutations, events);
    this.fetches?.committed(mutations);
    this.chronicle.committed(mutations);
    this.clones.committed(mutations);
  };

  startController(): void {
    if (this.controller !== undefined || this.#starting || this.#restoring) return;
    this.#starting = true;
    this.#lives += 1;
    const name = `controller#${this.#lives}`;
    ControllerProcess.start({
      ...{ around: this, name, path: this.#depot.path, epoch: this.#depot.epoch, clusterId: CLUSTER, broker: this.broker, wall: this.wall },
      random: this.random.fork('controllers'),
      committed: this.committed,
      takeRoom: () => {
        if (this.roomInStore <= 0) throw new StoreFull();
        this.roomInStore -= 1;
      },
      ...(this.git === undefined ? {} : { shelves: { sources: this.sources, logs: this.logs } }),
      ...{ nodeRules: this.nodeRules, lostAfterMs: this.#lostAfterMs },
      // The release before this one has none.
      slots: this.#releases.isPreviousController(this.#lives) ? 0 : this.slots,
      ...{ registry: this.registry, isPrevious: this.#releases.isPreviousController(this.#lives) },
      ended: () => {
        this.killController();
        this.time.schedule(this.random.between(200, 3_000), () => this.startController());
      },
    }).then(
      (process) => {
        this.#starting = false;
        this.controller = process;
        this.trace.note(name, 'is up');
      },
      (fault) => this.violation(`the controller does not start: ${stackOf(fault)}`),
    );
  }

  killController(): void {
    const process = this.controller;
    if (process === undefined) return;
    this.controller = undefined;
    process.kill();
    this.trace.note(process.life.name, 'is dead');
    this.time.schedule(0, () => process.close());
  }

  /** Takes a backup of the committed state while everything runs. */
  backUp(): Promise<string> {
    return this.time.hold(this.#depot.backup());
  }

  /** Stops the controller and starts it on a backup. */
  restore(backup: Promise<string>): void {
    if (this.#restoring) return;
    this.#restoring = true;
    const attempt = () => {
      this.killController();
      // A controller that is starting cannot be stopped before it is up.
      if (this.#starting) return void this.time.schedule(10, attempt);
      this.time.schedule(0, () => void this.time.hold(backup.then((file) => this.#begin(file))));
    };
    attempt();
  }

  async #begin(file: string): Promise<void> {
    await this.#depot.restore(file, BEGAN_AT + this.time.now + this.wall.skewMs);
    this.restores += 1;
    this.trace.note('the store', `is of epoch ${this.#depot.epoch}, from a backup`);
    this.chronicle.restored(this.view, (id) => this.machines.some(({ host }) => host.volumes.has(id)));
    this.#witness.restored();
    this.auditors.restored();
    this.fetches?.restored(this.view);
    this.sources.restored();
    this.clones.restored();
    for (const notice of this.onRestored) notice();
    this.#restoring = false;
    this.startController();
  }

  readonly administrator = (services: Services): Caller | undefined => {
    // A restore revokes all tokens. Accounts continue after a login.
    const caller = services.accounts.callerOf({
      kind: 'token',
      tokenId: '',
      accountId: ACCOUNT,
      version: this.view.get('accounts', ACCOUNT)?.version ?? 0,
      expiresAtMs: Number.POSITIVE_INFINITY,
    });
    if (caller === undefined) this.violation('the account is gone');
    return caller;
  };

  /**
   * A client's request. Resolves to its answer, or to `lost` if the connection ends or time runs
   * out.
   */
  request<T>(
    client: SeededRandom,
    limitMs: number,
    work: (services: Services, caller: Caller) => Promise<Outcome<T>> | Outcome<T>,
    as = this.administrator,
  ): Promise<Outcome<T> | 'lost'> {
    return new Promise((resolve) => {
      let over = false;
      let death: { cancel(): void } | undefined;
      const end = (outcome: Outcome<T> | 'lost') => {
        if (over) return;
        over = true;
        limit.cancel();
        death?.cancel();
        this.time.schedule(client.mostlySmall(0.1, 20), () => resolve(outcome));
      };
      const limit = this.time.schedule(limitMs, () => end('lost'));
      this.time.schedule(client.mostlySmall(0.1, 20), () => {
        const process = this.controller;
        if (process === undefined || !this.takesRequests) return end('lost');
        death = process.life.atDeath(() => end('lost'));
        process.life.run(() => {
          if (!this.takesRequests) return end('lost');
          const { services } = process.core;
          const caller = as(services);
          if (caller === undefined) return end('lost');
          Promise.resolve(work(services, caller)).then(
            (outcome) => process.life.run(() => end(outcome)),
            (fault) => {
              if (!process.life.isDead) this.violation(`a request failed inside: ${stackOf(fault)}`);
              end('lost');
            },
          );
        });
      });
    });
  }

  close(): void {
    const process = this.controller;
    this.controller = undefined;
    process?.kill();
    process?.close();
    this.clones.close();
    for (const machine of this.machines) machine.killAgent();
    this.#depot.close();
  }

  #hear(frame: NodeFrame | ControllerFrame): void {
    if (frame.kind === 'report') this.#witness.reported(frame.value);
    if (frame.kind === 'inventory') for (const report of frame.value.sessions) this.#witness.reported(report);
  }

  #dialer(machine: Machine, life: Life): Dialer {
    const random = this.random.fork(`${life.name} dials`);
    const latencyMs = () => random.mostlySmall(0.2, 40);
    /** Runs `connect` in the controller a moment later. A machine that is cut off gets no answer. */
    const attempt = <T>(
      signal: AbortSignal,
      connect: (process: ControllerProcess, resolve: (link: T) => void, reject: (error: Error) => void) => void,
    ): Promise<T> =>
      new Promise((resolve, reject) => {
        const refuse = (error: Error) => life.run(() => reject(error));
        signal.addEventListener('abort', () => refuse(new Error('no connection in time')));
        this.time.schedule(latencyMs(), () => {
          if (machine.isCut || life.isDead) return;
          const process = this.controller;
          if (process === undefined) return refuse(new Error('connection refused'));
          process.life.run(() => connect(process, (link) => life.run(() => resolve(link)), refuse));
        });
      });
    return {
      dial: (signal) =>
        attempt<Link<NodeFrame, ControllerFrame>>(signal, (process, resolve, reject) => {
          const row = process.core.view.get('nodes', machine.id as NodeId);
          if (row === undefined && machine.agent?.ledger?.epoch === 0) return this.#dismiss(machine);
          // A connection from before the removal is not refused until it says whose it is.
          if (row !== undefined && row.revokedAt !== null && random.chance(0.7))
            return reject(new DialError('removed', 'the node was removed'));
          const connection = new Connection<NodeFrame, ControllerFrame>(
            { life, out: nodeFrames, in: controllerFrames },
            { life: process.life, out: controllerFrames, in: nodeFrames },
            {
              time: this.time,
              route: { latencyMs, isCut: () => machine.isCut },
              bound: random.chance(0.1) ? 40 : 1000,
              sent: (from, kind, bytes, frame) => {
                this.trace.note(from, `${kind} ${bytes} (${machine.name})`);
                if (frame.kind === 'openStream') this.#thieves.steal(frame.value.ticket, process, machine);
                if (machine.isCopy) return from === life.name ? undefined : this.clones.told(machine, kind);
                this.#hear(frame);
                if (kind === 'assignmentSet') machine.opened((again) => void left.send(again));
                if (kind === 'inventory') void this.reach('node.inventory-sent', { life, machine: machine.name });
              },
            },
          );
          const { left } = connection;
          // What never arrived is not repeated later: TCP keeps the order.
          const right = overheard(connection.right, (frame) => {
            if (!machine.isCopy) machine.arrived(frame);
            return frame;
          });
          machine.streams = machine.streams.filter((stream) => !stream.isOver);
          machine.streams.push(connection);
          const address = `${machine.address}:${random.whole(30_000, 60_000)}`;
          const told = { name: machine.name, violation: this.violation };
          process.accept(machine.id, process.isPrevious ? asPreviousController(right, told) : right, {
            keyHash: machine.key,
            address,
          });
          // A reset on the way back: for a moment the controller has a stream that the node does
          // not know.
          if (signal.aborted || random.chance(0.02)) {
            connection.cut(() => random.between(0, 200));
            return reject(new Error('connection reset'));
          }
          resolve(machine.agent?.isPrevious === true ? asPreviousNode(left, told) : left);
        }),
      stream: (signal) =>
        attempt<StreamLink>(signal, (process, resolve) => {
          const connection = new Connection<StreamFrame, StreamFrame>(
            { life, out: streamFrames, in: streamFrames },
            { life: process.life, out: streamFrames, in: streamFrames },
            {
              time: this.time,
              route: { latencyMs, isCut: () => machine.isCut },
              bound: random.pick([4, 40, 1000]) ?? 40,
              sent: (from, kind, bytes) => this.trace.note(from, `stream ${kind} ${bytes} (${machine.name})`),
            },
          );
          machine.streams = machine.streams.filter((stream) => !stream.isOver);
          machine.streams.push(connection);
          process.acceptStream(machine.id, this.#thieves.beside(connection.right, process, machine));
          if (signal.aborted || random.chance(0.02)) connection.cut(() => random.between(0, 200));
          resolve(connection.left);
        }),
      ...sourceCalls({ cluster: this, machine, life, latencyMs }),
    };
  }
}

class StoreFull extends Error {
  readonly code = 'SQLITE_FULL';
  constructor() {
    super('database or disk is full');
  }
}

function nodesOf({ nodes }: ClusterOptions): NewNode[] {
  return Array.from({ length: nodes }, (_, at) => ({
    labels: { disk: DISKS[at % 2] ?? '' },
    id: `00000000-0000-4000-8000-00000000010${at}`,
    name: `node-${'abcdef'[at] ?? at}`,
  }));
}

export const stackOf = (fault: unknown): string =>
  fault instanceof Error
    ? (fault.stack ?? fault.message)
        .split('\n')
        .slice(0, 5)
        .join(' ')
        .replaceAll(/file:\/\/\S*\/(?=controller|node-agent|guest|tests|journal|proto)/g, '')
    : String(fault);

/** In some runs, nodes keep room for sessions that wake. */
const rulesOf = (random: SeededRandom): NodeRules =>
  new Map(random.chance(0.3) ? [['*', { ...SANE_NODE, reserved: { cpuMillis: 200, memoryBytes: random.whole(1, 2) * 128 * MIB } }]] : []);

/** What a machine has for its sessions besides CPU and memory; 0: unbounded. */
const boundsOf = (random: SeededRandom, room: number) => ({
  processes: (random.pick([0, 4 * 320, 8 * 320]) ?? 0) * room,
  diskBytes: (random.pick([0, 12 * 1024 * MIB]) ?? 0) * room,
});

/** Of another platform, a machine has an image of its own from the start; else it can have to pull it. */
function imagesOf(canPull: boolean, random: SeededRandom) {
  const hasImage = !canPull || random.chance(0.5);
  const isOther = canPull && random.chance(0.3);
  return { hasImage: hasImage || isOther, platform: isOther ? 'linux/arm64' : 'linux/amd64' };
}
