import type { ControllerFrame, NodeFrame } from '../proto/frame.ts';
import { type Metrics, silentMetrics } from '../seams/metrics.ts';
import { Conditions } from './conditions.ts';
import { Assignments } from './control/assignments.ts';
import { ControllerLink } from './control/controller-link.ts';
import { type HelloDeps, helloFrame } from './control/hello.ts';
import { inventoryParts } from './control/inventory.ts';
import { Outbox } from './control/outbox.ts';
import { ReportSender } from './control/report-sender.ts';
import { lesserBound } from './domain/network-room.ts';
import { lesserMost, type Most, NO_BOUND } from './domain/session-most.ts';
import { DEFAULT_UIDS, type UidRange } from './domain/uid-range.ts';
import { within } from './engine/deadline.ts';
import type { Capacity } from './engine/driver.ts';
import { EngineTurns } from './engine/engine-turns.ts';
import { guestsReturned } from './guests/guests-return.ts';
import { Relay } from './guests/relay.ts';
import { relayFrame } from './guests/relay-frame.ts';
import type { Host } from './host.ts';
import { NodeImages } from './images/node-images.ts';
import { Discovery } from './session/discovery.ts';
import { type NodeEnd, NodeEnder } from './session/node-end.ts';
import { Sessions } from './session/sessions.ts';
import { Uids } from './session/uids.ts';
import { Tunnels } from './streams/tunnels.ts';

const CALL_LIMIT_MS = 60_000;

export interface NodeDeps extends Omit<Host, 'metrics'>, Omit<HelloDeps, 'driver' | 'ledger'> {
  readonly nodeId: string;
  /** Values that the operator set instead of the discovered ones. */
  readonly capacity: Partial<Omit<Capacity, 'most'>>;
  /** The operator's maximum for one session. */
  readonly most?: Partial<Most>;
  readonly metrics?: Metrics;
  readonly relistEveryMs?: number;
  readonly conditions?: Conditions;
  /** Records durably that the controller removed this node. */
  readonly recordRemoval?: () => Promise<void>;
  /** Takes the digest of the CAs that the controller wants trusted. */
  readonly authorities?: (digest: string) => void;
  /** Called when the stream to the controller is up, and when it is not. */
  connection?(isUp: boolean): void;
  /** Default: {@link DEFAULT_UIDS}. */
  readonly uids?: UidRange;
  readonly buildLimitMs?: number | undefined;
}

/**
 * A node agent. It adopts what it finds, keeps a stream to the controller, and brings each session
 * to its desired state. `ended` resolves when its work is over. `close` only stops it and leaves
 * every container running.
 */
export class NodeAgent {
  readonly ended: Promise<NodeEnd>;
  readonly #deps: NodeDeps;
  readonly #conditions: Conditions;
  readonly #outbox: Outbox;
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #sessions: Sessions;
  readonly #assignments: Assignments;
  readonly #images: NodeImages;
  readonly #link: ControllerLink;
  readonly #discovery: Discovery;
  readonly #ender: NodeEnder;
  readonly #ending = new AbortController();
  #end: (end: NodeEnd) => void = () => undefined;
  #capacity: Required<Capacity> = { cpuMillis: 0, memoryBytes: 0, sessions: 0, processes: 0, diskBytes: 0, most: NO_BOUND };
  #isReady = false;

  constructor(deps: NodeDeps) {
    this.#deps = deps;
    const { promise, resolve } = Promise.withResolvers<NodeEnd>();
    [this.ended, this.#end] = [promise, resolve];
    const { clock, log, ledger, driver, dialer, listener, random, metrics = silentMetrics, uids = DEFAULT_UIDS } = deps;
    const conditions = deps.conditions ?? new Conditions(clock, log);
    const host = { driver, listener, ledger, dialer, clock, random, log, metrics, conditions };
    const outbox = new Outbox(metrics);
    const engine = new EngineTurns(clock);
    const relay = new Relay({
      ...host,
      outbox,
      assignment: (sessionId) => ledger.assignment(sessionId),
      guestChanged: (sessionId) => sessions.find(sessionId)?.guestChanged(),
      drained: (sessionId) => sessions.find(sessionId)?.drained(),
      messagesLost: (sessionId) => sessions.report(sessionId),
      streamRefused: (sessionId, refusal) => tunnels.refused(sessionId, refusal),
    });
    const tunnels = new Tunnels({
      ...host,
      dial: (signal) => dialer.stream(signal),
      announce: (open) => relay.openStream(open),
      refuse: (refusal) => outbox.keep(`stream:${refusal.ticket}`, { kind: 'streamRefused', value: refusal }),
    });
    const sessions: Sessions = new Sessions({
      ...host,
      engine,
      uids: new Uids(ledger, uids, random),
      relay,
      tunnels,
      outbox,
      reports: new ReportSender({ ledger, relay, outbox }),
      most: () => this.#capacity.most,
      confirmed: (sessionId) => assignments.confirmed(sessionId),
      fault: (error) => this.#end({ why: 'fault', error }),
    });
    const assignments = new Assignments({
      ...host,
      sessions,
      relay,
      outbox,
      durable: (write) => this.#durable(write),
      complete: (assigned, unassigned) => this.#assigned(assigned, unassigned),
    });
    this.#discovery = new Discovery({
      ...host,
      sessions,
      engine,
      outbox,
      listEveryMs: deps.relistEveryMs,
      call: (work) => this.#call(work),
    });
    this.#ender = new NodeEnder({
      ...{ ...host, discovery: this.#discovery, sessions, tunnels, relay, outbox },
      signal: this.#ending.signal,
      recordRemoval: deps.recordRemoval,
      end: (end) => this.#end(end),
    });
    this.#images = new NodeImages({
      ...{ ...host, conditions, outbox, limitMs: deps.buildLimitMs },
      hasSession: (image) => ledger.sessionIds().some((id) => ledger.assignment(id)?.spec.image === image),
      arrived: (image) => sessions.imageArrived(image),
      gone: (image, reason) => sessions.imageGone(image, reason),
    });
    this.#link = new ControllerLink({
      ...host,
      clusterId: deps.clusterId,
      authorities: deps.authorities,
      greeting: () => this.#greeting(),
      connected: async (welcome, wire) => {
        assignments.welcomed(welcome.epoch);
        this.#images.connected(welcome);
        outbox.connect(wire);
        deps.connection?.(true);
      },
      removed: (reason) => this.removed(reason),
      drained: () => outbox.drained(),
      disconnected: () => {
        outbox.disconnect();
        this.#images.disconnected();
        deps.connection?.(false);
      },
      take: (frame) => this.#take(frame),
    });
    this.#conditions = conditions;
    this.#outbox = outbox;
    this.#relay = relay;
    this.#tunnels = tunnels;
    this.#sessions = sessions;
    this.#assignments = assignments;
    conditions.onChange(() => this.#sendConditions());
    listener.onGuest((sessionId, link) => relay.guest(sessionId, link));
    listener.onStream((sessionId, link) => tunnels.guest(sessionId, link));
  }

  /** Adopts existing sessions and dials the controller. Rejects without an engine. */
  async start(): Promise<void> {
    const { driver, log, ledger, nodeId, capacity, most = {} } = this.#deps;
    await this.#call((signal) => driver.prepare(signal));
    const found = await this.#call((signal) => driver.capacity(signal));
    this.#capacity = {
      processes: 0,
      diskBytes: 0,
      ...found,
      ...capacity,
      sessions: lesserBound(found.sessions, capacity.sessions ?? 0),
      most: lesserMost(found.most ?? NO_BOUND, most),
    };
    await this.#discovery.begin();
    await this.#sessions.idle();
    const awaited = () => this.#sessions.all().some((one) => one.orphan() === undefined && one.awaitsGuest());
    await guestsReturned(awaited, this.#deps.clock, this.#ending.signal);
    log.info('node.adopted', { node: nodeId, boot: ledger.boot, sessions: this.#sessions.size });
    this.#discovery.start();
    this.#link.start();
  }

  /** Moves to a new stream, because the dialer has a newer certificate. */
  reconnect(): void {
    this.#link.refresh();
  }

  /** The controller removed this node: stops its sessions and ends. Disks stay. */
  removed(reason: string): void {
    this.#ender.removed(reason);
  }

  get sessions(): Pick<Sessions, 'up' | 'giveUp' | 'reportDisk'> {
    return this.#sessions;
  }

  get stalledMs(): number {
    return this.#link.stalledMs();
  }

  /** Returns the number of byte streams that are open or being opened. */
  get openStreams(): number {
    return this.#tunnels.open;
  }

  /** Stops without touching anything that runs. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    await this.#discovery.close();
    await this.#link.close();
    await this.#images.close();
    await this.#sessions.close();
    this.#tunnels.close();
    this.#relay.close();
    await this.#deps.listener.closeAll();
    this.#deps.driver.close();
    await this.#deps.ledger.close();
  }

  #greeting(): { hello: NodeFrame; inventory: Iterator<NodeFrame> } {
    this.#outbox.begin();
    if (this.#conditions.all().length > 0) this.#sendConditions();
    this.#relay.hold();
    this.#assignments.begin();
    const inventory = inventoryParts({
      reports: this.#sessions.reports(),
      images: this.#discovery.images,
      tombstones: this.#deps.ledger.openTombstones(),
      orphans: this.#sessions.orphans.list(),
    });
    return { hello: helloFrame(this.#deps, this.#capacity), inventory };
  }

  #take(frame: Exclude<ControllerFrame, { kind: 'welcome' | 'heartbeatAck' | 'inventoryTaken' }>): Promise<void> | undefined {
    switch (frame.kind) {
      case 'assignmentSet':
        return this.#assignments.part(frame.value);
      case 'assignmentChange':
        return this.#assignments.change(frame.value);
      case 'setDigest':
        return void this.#assignments.digest(frame.value);
      case 'deliver':
      case 'settled':
      case 'secrets':
      case 'stopAgent':
      case 'cancelMessage':
        return void relayFrame(this.#relay, frame);
      case 'openStream':
        return void this.#tunnels.start(frame.value);
      case 'build':
      case 'cancelBuild':
      case 'pullImage':
      case 'makeImage':
      case 'pushImage':
      case 'removeImage':
      case 'imageGone':
        return void this.#images.take(frame);
      case 'shutdown':
        return this.#ender.shutDown(frame.value.graceMs);
      default:
        return frame satisfies never;
    }
  }

  /** The controller has sent all assignments: repeat what it can have missed. */
  #assigned(assignments: number, unassigned: number): void {
    this.#relay.resend();
    this.#images.resend();
    this.#sessions.requestImagesAgain();
    const { log, nodeId } = this.#deps;
    log.info('controller.connected', { assignments, unassigned });
    if (this.#isReady) return;
    this.#isReady = true;
    void this.#sessions.idle().then(() => log.info('node.ready', { node: nodeId, sessions: this.#sessions.size }));
  }

  #sendConditions(): void {
    this.#outbox.keep('conditions', { kind: 'conditions', value: { conditions: this.#conditions.all() } });
  }

  #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#deps.clock, CALL_LIMIT_MS, this.#ending.signal, work);
  }

  /** After a failed write, the ledger accepts nothing until the next start, on any stream. */
  async #durable<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } catch (error) {
      this.#end({ why: 'fault', error });
      throw error;
    }
  }
}
