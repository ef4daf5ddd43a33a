import { type ControllerFrame, NODE_PROTOCOL_VERSION, type NodeFrame } from '../proto/frame.ts';
import type { AssignmentSet__Output as AssignmentSet } from '../proto/generated/raworc/node/v0/AssignmentSet.ts';
import type { Clock, Timer } from '../seams/clock.ts';
import type { Log } from '../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../seams/metrics.ts';
import type { Random } from '../seams/random.ts';
import type { Conditions } from './conditions.ts';
import { AssignedSet } from './control/assigned-set.ts';
import { ControllerLink } from './control/controller-link.ts';
import type { Dialer } from './control/dialer.ts';
import { inventoryParts } from './control/inventory.ts';
import { Outbox } from './control/outbox.ts';
import { assignmentFrom, isSessionId, reportOf } from './control/wire.ts';
import { lesserBound } from './domain/network-room.ts';
import { lesserMost, type Most, NO_BOUND } from './domain/session-most.ts';
import { DEFAULT_UIDS, type UidRange } from './domain/uid-range.ts';
import { within } from './engine/deadline.ts';
import type { Capacity, Driver, DriverChange, Seen } from './engine/driver.ts';
import { EngineTurns } from './engine/engine-turns.ts';
import { EngineWatch } from './engine/engine-watch.ts';
import { guestsReturned } from './guests/guests-return.ts';
import type { GuestDoors } from './guests/listener.ts';
import { Relay } from './guests/relay.ts';
import { Builder } from './images/builder.ts';
import { ImageRequests } from './images/image-requests.ts';
import type { Ledger } from './ledger/ledger.ts';
import { endStrayCopies } from './session/copying.ts';
import { Orphans } from './session/orphans.ts';
import { Reconciler } from './session/reconciler.ts';
import { removeContainers } from './session/shutdown.ts';
import type { Status } from './session/status.ts';
import { Uids } from './session/uids.ts';
import { Tunnels } from './streams/tunnels.ts';

const CALL_LIMIT_MS = 60_000;
/** How long news of orphans waits for more. */
const ORPHANS_GATHER_MS = 50;
/** Told of. There is more to see once some of them are gone. */
const MAX_ORPHANS = 10_000;
const NOTHING_SEEN: Seen = { container: undefined, volume: undefined, space: '', image: '' };
/** From time to time everything is looked at again, for what no event told. */
const RELIST_EVERY_MS = 60_000;

export interface NodeOptions {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly version: string;
  readonly hostname: string;
  /** What the operator sets instead of what is discovered. */
  readonly capacity: Partial<Omit<Capacity, 'most'>>;
  /** What the operator lets one session have at most. */
  readonly most?: Partial<Most>;
  readonly driver: Driver;
  readonly doors: GuestDoors;
  readonly ledger: Ledger;
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** {@link RELIST_EVERY_MS} where it is not given. */
  readonly relistEveryMs?: number;
  readonly conditions?: Conditions;
  /** {@link DEFAULT_UIDS} where it is not given. */
  readonly uids?: UidRange;
}

/** Why the node agent's work is over: the controller shut it down, or it cannot go on. */
export type NodeEnd = { readonly why: 'shutdown' } | { readonly why: 'fault'; readonly error: unknown };

/**
 * One node: it adopts what it finds, then keeps a stream to the controller and brings each session to what it should be.
 * `ended` resolves when its work is over; `close` only stops it, and leaves every container as it is.
 */
export class NodeAgent {
  readonly ended: Promise<NodeEnd>;
  readonly #options: NodeOptions;
  readonly #outbox: Outbox;
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #builder: Builder;
  readonly #link: ControllerLink;
  readonly #reconcilers = new Map<string, Reconciler>();
  readonly #orphans = new Orphans();
  readonly #imageRequests = new ImageRequests((sessionId, image) =>
    this.#outbox.keep(`image:${image}`, { kind: 'imageMissing', value: { sessionId, image } }),
  );
  readonly #steps: Counter<'step'>;
  readonly #ending = new AbortController();
  #end: (end: NodeEnd) => void = () => undefined;
  #watch: { close(): void } | undefined;
  #relist: Timer | undefined;
  readonly #engine: EngineTurns;
  readonly #uids: Uids;
  readonly #engineWatch: EngineWatch;
  #looking: Promise<void> | undefined;
  readonly #toLook = new Set<'images' | 'everything'>();
  #orphansLater: Timer | undefined;
  #capacity: Required<Capacity> = { cpuMillis: 0, memoryBytes: 0, sessions: 0, processes: 0, diskBytes: 0, most: NO_BOUND };
  #images: readonly string[] = [];
  #reports = 0;
  #judged = false;
  #stopping = false;
  #ready = false;
  #set = new AssignedSet();

  constructor(options: NodeOptions) {
    this.#options = options;
    const { clock, log, ledger, driver, dialer, random, doors, metrics = silentMetrics } = options;
    this.#steps = metrics.counter({ name: 'reconciler_steps_total', help: 'Steps that reconcilers took, by kind', labels: ['step'] });
    this.#outbox = new Outbox(metrics);
    this.#engine = new EngineTurns(clock);
    this.#uids = new Uids(ledger, options.uids ?? DEFAULT_UIDS, random);
    this.#engineWatch = new EngineWatch({
      ping: (signal) => driver.ping(signal),
      clock,
      conditions: options.conditions ?? { raise: () => undefined, clear: () => undefined },
      changed: (answers) => this.#engineAnswers(answers),
    });
    this.#gauges(metrics);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#relay = new Relay({
      outbox: this.#outbox,
      clock,
      log,
      metrics,
      assignment: (sessionId) => ledger.assignment(sessionId),
      guestChanged: (sessionId) => this.#reconcilers.get(sessionId)?.guestChanged(),
      drained: (sessionId) => this.#reconcilers.get(sessionId)?.drained(),
      messagesLost: (sessionId) => {
        const status = this.#reconcilers.get(sessionId)?.status();
        if (status !== undefined) this.#report(status);
      },
      streamRefused: (sessionId, refusal) => this.#tunnels.refused(sessionId, refusal),
    });
    this.#tunnels = new Tunnels({
      ...{ clock, log, metrics },
      dial: (signal) => dialer.stream(signal),
      announce: (open) => this.#relay.openStream(open),
      refuse: (refusal) => this.#outbox.keep(`stream:${refusal.ticket}`, { kind: 'streamRefused', value: refusal }),
    });
    this.#builder = new Builder({
      driver,
      dialer,
      clock,
      log,
      refusal: () => options.conditions?.unschedulable(),
      report: (report) => this.#outbox.keep(`build:${report.buildId}`, { kind: 'build', value: report }),
    });
    this.#link = new ControllerLink({
      dialer,
      clock,
      random,
      log,
      clusterId: options.clusterId,
      greeting: () => this.#greeting(),
      connected: async (welcome, wire) => {
        await this.#kept(() => ledger.heard(welcome.epoch));
        this.#outbox.connect(wire);
      },
      drained: () => this.#outbox.drained(),
      disconnected: () => this.#outbox.disconnect(),
      take: (frame) => this.#take(frame),
    });
    options.conditions?.onChange(() => this.#sayConditions());
    doors.onGuest((sessionId, link) => this.#relay.guest(sessionId, link));
    doors.onStream((sessionId, link) => this.#tunnels.guest(sessionId, link));
  }

  /** Resolves when all that was found is adopted and the link to the controller is being kept. Rejects when the engine cannot be used. */
  async start(): Promise<void> {
    const { driver, log, ledger } = this.#options;
    await this.#call((signal) => driver.prepare(signal));
    const found = await this.#call((signal) => driver.capacity(signal));
    const { capacity } = this.#options;
    this.#capacity = {
      ...{ processes: 0, diskBytes: 0, ...found, ...capacity },
      sessions: lesserBound(found.sessions, capacity.sessions ?? 0),
      most: lesserMost(found.most ?? NO_BOUND, this.#options.most ?? {}),
    };
    await this.#lookAtEverything();
    this.#watch = driver.watch((change) => this.#driverChanged(change));
    await this.#guestsReturned();
    log.info('node.adopted', { node: this.#options.nodeId, boot: ledger.boot, sessions: this.#reconcilers.size });
    this.#relistLater();
    this.#engineWatch.start();
    this.#link.start();
  }

  /** Moves to another stream: the dialer has a newer proof of who this is. */
  reconnect(): void {
    this.#link.refresh();
  }

  /** Sessions whose containers are there and have not ended. */
  up(): readonly string[] {
    return [...this.#reconcilers.values()].filter((reconciler) => reconciler.isUp()).map(({ sessionId }) => sessionId);
  }

  /** It cannot go on: the controller hears why, and has its container removed. */
  giveUp(sessionId: string, reason: string): void {
    this.#reconcilers.get(sessionId)?.giveUp(reason);
  }

  /** The session's disk is full, or has room again. */
  diskIs(sessionId: string, full: boolean, limitBytes: number): void {
    const generation = this.#options.ledger.assignment(sessionId)?.generation;
    if (generation === undefined) return;
    this.#outbox.keep(`disk:${sessionId}`, { kind: 'disk', value: { sessionId, generation, full, limitBytes } });
  }

  /** Ends without touching anything that runs. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent ends'));
    this.#watch?.close();
    this.#relist?.cancel();
    this.#orphansLater?.cancel();
    await this.#engineWatch.close();
    await this.#link.close();
    await this.#builder.close();
    await Promise.all([...this.#reconcilers.values()].map((reconciler) => reconciler.close()));
    this.#tunnels.close();
    this.#relay.close();
    await this.#options.doors.closeAll();
    this.#options.driver.close();
    await this.#options.ledger.close();
  }

  #gauges(metrics: Metrics): void {
    metrics.gauge({ name: 'node_sessions', help: 'Sessions that this node agent reconciles', read: () => this.#reconcilers.size });
    metrics.gauge({
      name: 'node_orphans',
      help: 'Sessions on this node that belong to no assignment',
      read: () => this.#orphans.all().length,
    });
  }

  #greeting(): { hello: NodeFrame; inventory: Iterator<NodeFrame> } {
    const { ledger, driver, clusterId, incarnation, version, hostname } = this.#options;
    this.#outbox.begin();
    if ((this.#options.conditions?.all() ?? []).length > 0) this.#sayConditions();
    this.#relay.hold();
    this.#set = new AssignedSet();
    const hello = {
      protocolVersion: NODE_PROTOCOL_VERSION,
      agentVersion: version,
      clusterId,
      epoch: ledger.epoch,
      incarnation,
      boot: ledger.boot,
      driver: driver.kind,
      capacity: this.#capacity,
      hostname,
    };
    const held = { images: [...this.#images], tombstones: ledger.openTombstones(), orphans: this.#orphans.all().slice(0, MAX_ORPHANS) };
    return { hello: { kind: 'hello', value: hello }, inventory: inventoryParts({ reports: this.#reportsOf(), ...held }) };
  }

  /** Of all sessions, each as it is when its turn comes. */
  *#reportsOf() {
    for (const reconciler of [...this.#reconcilers.values()]) {
      const status = reconciler.status();
      if (status !== undefined) yield this.#reportFrame(status);
    }
  }

  #take(frame: Exclude<ControllerFrame, { kind: 'welcome' | 'heartbeatAck' | 'inventoryTaken' }>): Promise<void> | undefined {
    switch (frame.kind) {
      case 'assignmentSet':
        this.#set.part(frame.value);
        return this.#partTaken(frame.value);
      case 'assignmentChange':
        this.#set.change(frame.value);
        return this.#assigned(frame.value);
      case 'setDigest': {
        const { setId, number, sessions, sum } = frame.value;
        this.#set.expect(frame.value);
        const own = this.#options.ledger.sum();
        const agrees = own.sessions === sessions && own.text === sum;
        return void this.#outbox.keep('set-judged', { kind: 'setJudged', value: { setId, number, agrees } });
      }
      case 'deliver':
        return void this.#relay.deliver(frame.value);
      case 'settled':
        return void this.#relay.settled(frame.value);
      case 'secrets':
        return void this.#relay.secrets(frame.value);
      case 'stopAgent':
        return void this.#relay.stopAgent(frame.value);
      case 'openStream':
        return void this.#tunnels.start(frame.value);
      case 'readLines':
        return void this.#relay.readLines(frame.value);
      case 'build':
        return void this.#builder.assign(frame.value);
      case 'imageGone':
        return this.#imageGone(frame.value);
      case 'shutdown':
        return this.#shutDown(frame.value.graceMs);
      default:
        return frame satisfies never;
    }
  }

  #imageGone({ image, reason }: { readonly image: string; readonly reason: string }): undefined {
    for (const sessionId of this.#imageRequests.settle(image)) this.#reconcilers.get(sessionId)?.imageGone(image, reason);
  }

  async #partTaken(part: AssignmentSet): Promise<void> {
    const { setId, part: number, more } = part;
    await this.#assigned(part);
    if (!more) await this.#setTaken();
    this.#outbox.keep(`set-part:${setId}:${number}`, { kind: 'setPartTaken', value: { setId, part: Math.max(1, number) } });
  }

  /** Of one part of the set, or of a change. What is named was judged by the controller of now. */
  async #assigned(change: Pick<AssignmentSet, 'assignments' | 'tombstones'>): Promise<void> {
    const { ledger } = this.#options;
    for (const { sessionId } of change.tombstones) if (!isSessionId(sessionId)) throw new Error('a tombstone of no session');
    const sources = ledger.copies.sources();
    const taken = await this.#kept(() => ledger.take(change.assignments.map(assignmentFrom), change.tombstones));
    this.#set.name(change.assignments.map(({ sessionId }) => sessionId));
    for (const sessionId of new Set([...sources, ...ledger.copies.sources()])) this.#reconciler(sessionId).wake();
    for (const { sessionId, settledSeq } of change.assignments) this.#relay.settledUpTo(sessionId, settledSeq);
    for (const { sessionId } of change.tombstones) this.#reconciler(sessionId).askRemoval();
    for (const { sessionId } of change.assignments) if (!this.#judged || taken.has(sessionId)) this.#reconciler(sessionId).wake();
  }

  /** All parts were taken: what was assigned beyond them no longer is. */
  async #setTaken(): Promise<void> {
    const { ledger, log } = this.#options;
    const gone = await this.#kept(() => ledger.unassignBeyond(this.#set.named));
    const sessions = this.#set.named.size;
    this.#set.complete();
    for (const sessionId of gone) this.#reconciler(sessionId).wake();
    if (!this.#judged) {
      this.#judged = true;
      // What was named is at it already.
      for (const [sessionId, reconciler] of this.#reconcilers) if (!this.#set.named.has(sessionId)) reconciler.wake();
    }
    this.#relay.resend();
    this.#builder.sayAgain();
    this.#imageRequests.sayAgain();
    log.info('controller.connected', { assignments: sessions, unassigned: gone.length });
    if (!this.#ready) void this.#sayReady();
  }

  /** A ledger that takes nothing more takes nothing more in this life: another stream would not help, the next start does. */
  async #kept<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      this.#end({ why: 'fault', error });
      throw error;
    }
  }

  async #sayReady(): Promise<void> {
    this.#ready = true;
    await Promise.all([...this.#reconcilers.values()].map((reconciler) => reconciler.idle()));
    this.#options.log.info('node.ready', { node: this.#options.nodeId, sessions: this.#reconcilers.size });
  }

  async #shutDown(graceMs: number): Promise<void> {
    const { driver, doors, log, clock } = this.#options;
    this.#stopping = true;
    log.info('node.shutting-down', { graceMs });
    this.#relist?.cancel();
    this.#watch?.close();
    await Promise.all([...this.#reconcilers.values()].map((reconciler) => reconciler.close()));
    this.#tunnels.close();
    this.#relay.close();
    await removeContainers({ driver, doors, log, clock }, graceMs, this.#ending.signal);
    this.#outbox.keep('shutdown-done', { kind: 'shutdownDone', value: {} });
    this.#end({ why: 'shutdown' });
  }

  #driverChanged(change: DriverChange): void {
    if (this.#stopping) return;
    switch (change.kind) {
      case 'session':
        this.#reconciler(change.sessionId).wake();
        return;
      case 'images':
        this.#look('images');
        return;
      case 'lost':
        for (const reconciler of this.#reconcilers.values()) reconciler.engineLost();
        return;
      case 'everything':
        this.#look('everything');
        return;
      default:
        change satisfies never;
    }
  }

  /** One look after the other, and each kind waits once at most. One that fails is made good by the next. */
  #look(what: 'images' | 'everything'): void {
    this.#toLook.add(what);
    this.#looking ??= this.#looks().finally(() => {
      this.#looking = undefined;
    });
  }

  async #looks(): Promise<void> {
    while (this.#toLook.size > 0 && !this.#ending.signal.aborted && !this.#stopping) {
      const isAll = this.#toLook.has('everything');
      this.#toLook.clear();
      // Once it answers again, everything is looked at.
      if (!this.#engineWatch.answers) return;
      try {
        await (isAll ? this.#putRight() : this.#lookAtImages());
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#options.log.warn('driver.away', { error: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  async #putRight(): Promise<void> {
    await this.#call((signal) => this.#options.driver.prepare(signal));
    await this.#lookAtEverything();
  }

  async #lookAtEverything(): Promise<void> {
    const { driver, ledger, doors } = this.#options;
    const seen = await this.#call((signal) => driver.list(signal));
    if (this.#stopping) return;
    const known = new Set([...seen.keys(), ...ledger.sessionIds().filter((id) => ledger.isLive(id))]);
    await this.#call((signal) => endStrayCopies(driver, ledger, signal));
    for (const sessionId of await doors.left())
      if (!known.has(sessionId) && !this.#reconcilers.has(sessionId)) await doors.close(sessionId);
    for (const sessionId of new Set([...known, ...this.#reconcilers.keys()]))
      this.#reconciler(sessionId).listed(seen.get(sessionId) ?? NOTHING_SEEN);
    await this.#lookAtImages();
  }

  async #lookAtImages(): Promise<void> {
    const images = [...(await this.#call((signal) => this.#options.driver.images(signal)))].sort();
    if (images.join('\n') === this.#images.join('\n')) return;
    this.#images = images;
    for (const image of images) for (const sessionId of this.#imageRequests.settle(image)) this.#reconcilers.get(sessionId)?.wake();
    this.#outbox.keep('images', { kind: 'images', value: { images } });
  }

  async #guestsReturned(): Promise<void> {
    await Promise.all([...this.#reconcilers.values()].map((reconciler) => reconciler.idle()));
    const awaited = () => [...this.#reconcilers.values()].some((one) => one.orphan() === undefined && one.awaitsGuest());
    await guestsReturned(awaited, this.#options.clock, this.#ending.signal);
  }

  #relistLater(): void {
    this.#relist = this.#options.clock.after(this.#options.relistEveryMs ?? RELIST_EVERY_MS, () => {
      this.#look('everything');
      this.#relistLater();
    });
  }

  #reconciler(sessionId: string): Reconciler {
    const there = this.#reconcilers.get(sessionId);
    if (there !== undefined) return there;
    const { driver, doors, ledger, clock, log } = this.#options;
    const reconciler: Reconciler = new Reconciler(sessionId, {
      driver,
      doors,
      engine: this.#engine,
      ledger,
      uids: this.#uids,
      clock,
      log,
      guestConnected: (id) => this.#relay.isConnected(id),
      guestDraining: (id) => this.#relay.isDraining(id),
      startDrain: (id, graceMs) => this.#relay.startDrain(id, graceMs),
      endDrain: (id) => this.#relay.endDrain(id),
      most: () => this.#capacity.most,
      judged: () => this.#judged || this.#set.named.has(sessionId),
      imageMissing: (id, image) => {
        log.warn('session.image_missing', { session: id, image });
        this.#imageRequests.want(id, image);
      },
      stepping: (step) => this.#steps.add(1, { step }),
      sourceOf: (id) => this.#reconciler(id).source(),
      wake: (id) => this.#reconciler(id).wake(),
      changed: (status) => this.#report(status),
      removed: (id, upToGeneration) => this.#outbox.keep(`removed:${id}`, { kind: 'removed', value: { sessionId: id, upToGeneration } }),
      rested: () => {
        if (this.#orphans.saw(sessionId, reconciler.orphan())) this.#sayOrphans();
        if (!reconciler.isSpent()) return;
        this.#reconcilers.delete(sessionId);
        this.#imageRequests.forget(sessionId);
        // What it still meant to look at later is another's to do, should the session come back.
        void reconciler.close();
        this.#relay.forget(sessionId);
        this.#tunnels.endOf(sessionId, 'session_ended');
      },
      fault: (error) => this.#end({ why: 'fault', error }),
    });
    this.#reconcilers.set(sessionId, reconciler);
    return reconciler;
  }

  /** All of them, and so not for each of many that are found at once. */
  #sayOrphans(): void {
    this.#orphansLater ??= this.#options.clock.after(ORPHANS_GATHER_MS, () => {
      this.#orphansLater = undefined;
      this.#outbox.keep('orphans', { kind: 'orphans', value: { orphans: this.#orphans.all().slice(0, MAX_ORPHANS) } });
    });
  }

  /** While it hangs nothing is asked of it; once it answers, everything is looked at. */
  #engineAnswers(answers: boolean): void {
    if (this.#stopping) return;
    if (!answers) return this.#engine.pause();
    this.#engine.resume();
    this.#look('everything');
  }

  #sayConditions(): void {
    const conditions = this.#options.conditions?.all() ?? [];
    this.#outbox.keep('conditions', { kind: 'conditions', value: { conditions } });
  }

  #report(status: Status): void {
    this.#outbox.keep(`report:${status.sessionId}`, { kind: 'report', value: this.#reportFrame(status) });
  }

  #reportFrame(status: Status) {
    this.#reports += 1;
    const { sessionId } = status;
    const guest = { acceptedSeq: this.#relay.acceptedSeq(sessionId), life: this.#relay.life(sessionId) };
    return reportOf(status, { boot: this.#options.ledger.boot, number: this.#reports }, guest);
  }

  #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#options.clock, CALL_LIMIT_MS, this.#ending.signal, work);
  }
}
