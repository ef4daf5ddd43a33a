import { type ControllerFrame, NODE_PROTOCOL_VERSION, type NodeFrame } from '../../../proto/frame.ts';
import { beyondBounds, MAX_IMAGES, MAX_ORPHANS, MAX_REPORTS } from '../../../proto/frame-bounds.ts';
import type { Condition__Output } from '../../../proto/generated/raworc/node/v0/Condition.ts';
import type { DiskState__Output } from '../../../proto/generated/raworc/node/v0/DiskState.ts';
import type { Hello__Output } from '../../../proto/generated/raworc/node/v0/Hello.ts';
import type { Orphan__Output } from '../../../proto/generated/raworc/node/v0/Orphan.ts';
import type { Report__Output } from '../../../proto/generated/raworc/node/v0/Report.ts';
import type { Answer__Output } from '../../../proto/generated/raworc/v0/Answer.ts';
import type { Lines__Output } from '../../../proto/generated/raworc/v0/Lines.ts';
import type { LiveWorker__Output } from '../../../proto/generated/raworc/v0/LiveWorker.ts';
import type { SecretsRequest__Output } from '../../../proto/generated/raworc/v0/SecretsRequest.ts';
import type { StreamRefused__Output } from '../../../proto/generated/raworc/v0/StreamRefused.ts';
import type { Link } from '../../../proto/link.ts';
import type { Barriers } from '../../../seams/barrier.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log, LogFields } from '../../../seams/log.ts';
import type { Counter } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import { visibleText } from '../../../seams/terminal-text.ts';
import { type Command, unchanged } from '../../domain/engine/command.ts';
import type { MessageId, NodeId, SessionId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { acceptMessage } from '../../domain/messages/commands/accept-message.ts';
import { recordAnswer } from '../../domain/messages/commands/record-answer.ts';
import { refuseInactive } from '../../domain/messages/commands/refuse-inactive.ts';
import { startRun } from '../../domain/messages/commands/start-run.ts';
import { type Alarm, certificateAlarm, certificateFault } from '../../domain/nodes/commands/node-certificates.ts';
import { nodeConnected, notHeld } from '../../domain/nodes/commands/nodes.ts';
import { finishRemoval } from '../../domain/sessions/commands/finish-removal.ts';
import { recordDiskState } from '../../domain/sessions/commands/record-disk-state.ts';
import { type Report, recordReport } from '../../domain/sessions/commands/record-report.ts';
import type { SessionRow, TombstoneRow } from '../../domain/sessions/rows.ts';
import type { Applier } from '../engine/applier.ts';
import type { LiveNews } from '../events/news.ts';
import { Lease, type LeaseTimes } from '../nodes/lease.ts';
import type { NodeAlarms } from '../nodes/node-alarms.ts';
import { Assignments } from './assignments.ts';
import { saidAnswer, saidBuild, saidHello, saidLine, saidReport, saidRun } from './decode.ts';
import { Delivery } from './delivery.ts';
import { settledUpTo } from './encode.ts';
import { InventoryParts } from './inventory.ts';
import { LateNews } from './late-news.ts';
import type { NodePace } from './node-pace.ts';
import { type SecretSource, secretsFor } from './secrets-for.ts';
import { SetSender } from './set-sender.ts';
import { STREAM_MEMORY, type StreamMemory } from './stream-memory.ts';
import type { Turns } from './turns.ts';

export interface StreamDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly news: LiveNews;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly secrets: SecretSource;
  readonly lease: LeaseTimes;
  readonly alarms?: Pick<NodeAlarms, 'raise' | 'clear'>;
  readonly memory: StreamMemory;
  mayHave(nodeId: NodeId, spaceId: SpaceId): boolean;
  /** What a node is called that no row names. */
  nameByItself(nodeId: NodeId, said: string): string;
  readonly clusterId: string;
  readonly epoch: number;
  readonly version: string;
  readonly turns: Turns;
  readonly metrics: StreamMetrics;
}

/** What streams count, together. */
export interface StreamMetrics {
  readonly compared: Counter<'outcome'>;
  readonly failed: Counter;
  readonly paused: Counter;
  readonly wasted: Counter<'kind'>;
  readonly delayed: Counter<'kind'>;
}

/** What a node says of itself, and since when, by this controller's time. */
export interface StreamCondition extends Condition__Output {
  readonly since: number;
}

/** What a stream tells the fleet that it belongs to. */
export interface StreamEvents {
  /** Its hello was taken. */
  greeted(stream: NodeStream): void;
  /** Hello and inventory were taken, and the node has been told what it should hold. */
  live(stream: NodeStream): void;
  /** `lost`: images that the node had and has no longer. */
  imagesChanged(stream: NodeStream, lost: readonly string[]): void;
  /** The node lacks the image that a session of its own needs. */
  imageMissing(stream: NodeStream, session: SessionRow): void;
  conditionsChanged(stream: NodeStream): void;
  build(stream: NodeStream, report: { buildId: string; imageId: string } | { buildId: string; error: string }): void;
  shutDown(stream: NodeStream): void;
  /** All workers that live in a session of this node. */
  workers(stream: NodeStream, session: SessionRow, workers: readonly LiveWorker__Output[]): void;
  /** False: no such byte stream was asked for. */
  streamRefused(stream: NodeStream, refusal: StreamRefused__Output): boolean;
  /** False: nobody asked for them. */
  lines(stream: NodeStream, lines: Lines__Output): boolean;
  closed(stream: NodeStream): void;
}

/** Frames taken from the link whose commands have not been decided yet: past either bound the link is not read. */
export const MAX_UNDECIDED = { frames: 1000, bytes: STREAM_MEMORY.undecided.ofNode } as const;
/** For a frame of which the link does not say how long it is, and for each report of an inventory. */
const A_FRAME_BYTES = 512;
/** For each name that is kept, beyond its characters. */
const A_NAME_BYTES = 32;

/** Of one node. What is said beyond them is passed over. */
const MAX_CONDITIONS = 32;
/** Orphans that one frame has named in the log. */
const MAX_ORPHANS_LOGGED = 20;
/** Not read for less: so that a node beyond its rates costs little. */
const SHORTEST_REST_MS = 100;

type Kind = NodeFrame['kind'];

/**
 * One node's stream, from hello to its end.
 *
 * 1. `hello`, then `inventory`; anything else before them ends the stream, and what comes after them waits until it is live.
 * 2. The inventory's reports are decided before the node is told what it should hold, in one turn with the telling, so that
 *    no change falls between.
 * 3. Then it is `live`: changes of rows go out as they are committed, and what comes in is decided in the order of its coming.
 * 4. What changes nothing, and news that nobody asked for, have rates of their own ({@link NodePace}): beyond them the node is read slowly,
 *    and of each thing the newest is heard later. So no node fills the event log or keeps the others waiting.
 * 5. A frame that does not fit into the outbound queue ends the stream: the next one starts from a full set.
 */
export class NodeStream {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly lease: Lease;
  readonly images = new Set<string>();
  /** What its node says of itself, as last said. */
  conditions: readonly StreamCondition[] = [];
  /** What its node holds and nothing explains, as last said. */
  orphans: readonly Orphan__Output[] = [];
  readonly #link: Link<ControllerFrame, NodeFrame>;
  readonly #deps: StreamDeps;
  readonly #events: StreamEvents;
  readonly #assignments: Assignments;
  readonly #delivery: Delivery;
  readonly #log: Log;
  /** Of the certificate that the link was made with. */
  readonly #keyHash: string | undefined;
  #hello: Hello__Output | undefined;
  #phase: 'greeting' | 'listing' | 'live' | 'closed' = 'greeting';
  #undecided = 0;
  #undecidedBytes = 0;
  #frameBytes = A_FRAME_BYTES;
  #isPaused = false;
  #rest: Timer | undefined;
  readonly #pace: NodePace;
  readonly #late: LateNews;
  /** Of sessions of this node: whether their disk is full, as last said. */
  readonly #fullDisks = new Map<SessionId, boolean>();
  #inventory = new InventoryParts();
  /** The last part of the inventory came. */
  #isListed = false;
  /** Frames that came after it, to be taken once the stream is live. */
  readonly #early: (() => void)[] = [];
  readonly #set: SetSender;

  constructor(
    nodeId: NodeId,
    name: string,
    link: Link<ControllerFrame, NodeFrame>,
    deps: StreamDeps,
    events: StreamEvents,
    pace: NodePace,
    keyHash?: string,
  ) {
    this.#keyHash = keyHash;
    this.#pace = pace;
    this.#late = new LateNews(deps.clock, (key) => pace.allowsNews(key));
    this.nodeId = nodeId;
    this.name = name;
    this.lease = new Lease(deps.clock, deps.lease.leaseMs);
    this.#link = link;
    this.#deps = deps;
    this.#events = events;
    this.#log = deps.log;
    this.#assignments = new Assignments(nodeId, deps.view, deps.random);
    this.#delivery = new Delivery(
      ...([deps.view, deps.barriers] as const),
      { send: (frame) => this.send(frame), hasRoom: () => link.hasRoom?.() ?? true },
      ({ id, sessionId }) => this.#decide(deps.applier.apply(refuseInactive(id)), () => this.#delivery.due(sessionId)),
      (session) => deps.secrets.withheldFrom?.(session) !== true,
    );
    this.#set = new SetSender({
      assignments: this.#assignments,
      turns: deps.turns,
      send: (frame) => this.send(frame),
      sent: (rows) => {
        for (const { id, desired, phase } of rows) if (desired === 'running' && phase === 'running') this.#delivery.due(id);
      },
      failed: (error) => this.#failed(error),
    });
    link.onMessage((frame, bytes = A_FRAME_BYTES) => this.#take(frame, bytes));
    link.onDrain(() => this.#delivery.drained());
    link.onClose((fault) => this.#closed(fault));
  }

  get isLive(): boolean {
    return this.#phase === 'live';
  }

  /** So much of it is undecided that it is not read from: what its node said since has not been heard. */
  get isBehind(): boolean {
    return this.#undecided >= MAX_UNDECIDED.frames / 2 || this.#undecidedBytes >= MAX_UNDECIDED.bytes / 2;
  }

  /** Its node has taken in all that it should hold. */
  get agreed(): boolean {
    return this.#set.agreed;
  }

  get hello(): Hello__Output | undefined {
    return this.#hello;
  }

  /** False once the stream is over. */
  send(frame: ControllerFrame): boolean {
    if (this.#phase === 'closed') return false;
    if (this.#link.send(frame)) return true;
    this.close(new Error('the node does not read its stream'));
    return false;
  }

  close(fault?: Error): void {
    this.#link.close(fault);
  }

  /** Rows of this node's sessions have changed. */
  changed(sessions: readonly SessionRow[], tombstones: readonly TombstoneRow[]): void {
    if (!this.isLive) return;
    for (const { id } of tombstones) this.#delivery.forget(id);
    const change = this.#assignments.change(sessions, tombstones);
    if (change !== undefined) this.send(change);
  }

  /** A message of one of this node's sessions waits to be delivered. */
  messageDue(session: SessionId): void {
    if (this.isLive) this.#delivery.due(session);
  }

  /** The messages of one of this node's sessions were cleared. */
  cleared(session: SessionRow): void {
    if (!this.isLive) return;
    this.send(settledUpTo(this.#deps.view, session));
    this.#delivery.due(session.id);
  }

  /**
   * Compares rows, what was told and what the node holds, against what nobody foresaw; where they differ, it is told everything anew.
   * `done` is called once, when the rows were compared, or there is nothing to compare.
   */
  compare(done: () => void): void {
    if (!this.isLive || this.#set.isSending) return done();
    const { turns, metrics } = this.#deps;
    const comparison = this.#assignments.comparison();
    turns.add(
      () => {
        const found = this.isLive && !this.#set.isSending ? comparison.next() : 'over';
        if (found === 'more') return true;
        if (found === 'agrees') this.send(this.#assignments.digest());
        if (found === 'differs') this.#differs('told');
        if (found !== 'over') metrics.compared.add(1, { outcome: found });
        done();
        return false;
      },
      (error) => {
        this.#failed(error);
        done();
      },
    );
  }

  #differs(what: 'told' | 'held'): void {
    this.#log.warn('node.set_differs', { node: this.name, what });
    this.#set.begin();
  }

  #closed(fault: Error | undefined): void {
    if (this.#phase === 'closed') return;
    const wasLive = this.isLive;
    this.#phase = 'closed';
    this.#takeEarly();
    this.#set.close();
    this.#late.close();
    this.#rest?.cancel();
    this.#deps.memory.forget(this);
    this.#log.info('node.stream_closed', { node: this.name, live: wasLive, fault: fault?.message });
    try {
      this.#events.closed(this);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A fault in what one node's frames led to ends that node's stream, and nothing else. */
  #failed(error: unknown): void {
    const fault = error instanceof Error ? error : new Error(String(error));
    this.#log.error('node.stream_failed', { node: this.name, error: fault.message });
    this.#deps.metrics.failed.add();
    this.close(fault);
  }

  /** Does what is owed to this node; a fault in it ends its stream. */
  guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  #take(frame: NodeFrame, bytes: number): void {
    if (this.#phase === 'closed') return;
    this.#frameBytes = bytes;
    const fault = beyondBounds(frame);
    if (fault !== undefined) return this.#reject(`${fault} to come of a node agent`);
    if (this.#phase === 'greeting') return frame.kind === 'hello' ? this.#greet(frame.value) : this.#reject(`${frame.kind} before hello`);
    if (this.#phase === 'listing') {
      if (frame.kind === 'heartbeat') return this.#beat(frame.value.number);
      if (frame.kind === 'conditions') return this.#conditionsSaid(frame.value.conditions);
      if (this.#isListed) return this.#takeLater(frame, bytes);
      return frame.kind === 'inventory' ? this.#list(frame.value) : this.#reject(`${frame.kind} before the inventory`);
    }
    this.#live(frame);
  }

  /** Its node does not wait until the inventory that it sent is decided. */
  #takeLater(frame: NodeFrame, bytes: number): void {
    this.#decide(new Promise<void>((resolve) => this.#early.push(resolve)), () => this.#take(frame, bytes));
  }

  #takeEarly(): void {
    for (const resolve of this.#early.splice(0)) resolve();
  }

  #greet(hello: Hello__Output): void {
    const row = this.#deps.view.get('nodes', this.nodeId);
    if (hello.protocolVersion !== NODE_PROTOCOL_VERSION) {
      return this.#reject(`protocol version ${hello.protocolVersion}, this controller speaks ${NODE_PROTOCOL_VERSION}`);
    }
    if (hello.clusterId !== this.#deps.clusterId) return this.#reject('it belongs to another cluster');
    // It heard of an earlier life of this store, and may have joined after the backup that this one was restored from.
    const knewMore = hello.epoch > 0 && hello.epoch < this.#deps.epoch;
    // One that has joined in this life of the store is known as it is: whoever holds an older key of it could say the same.
    const isOfThisLife = row !== undefined && row.joinedAt >= this.#deps.epoch * 1000;
    const mayBeNewer = knewMore && !isOfThisLife && hello.incarnation > (row?.incarnation ?? -1);
    const fault = this.#keyHash === undefined ? undefined : certificateFault(row, this.#keyHash);
    if (fault !== undefined && (fault === 'revoked' || !mayBeNewer)) {
      const alarm = certificateAlarm(fault, this.name);
      this.#deps.alarms?.raise(this.nodeId, alarm);
      return this.#reject(alarm.message);
    }
    if (row === undefined && !knewMore) return this.#reject('no such node has joined');
    if (row !== undefined && (hello.incarnation < row.incarnation || (hello.incarnation > row.incarnation && !knewMore)))
      return this.#reject('it joined again since: its identity is an older one');
    if (hello.epoch > this.#deps.epoch)
      this.#log.warn('node.epoch_ahead', { node: this.name, theirs: hello.epoch, ours: this.#deps.epoch });
    this.#hello = hello;
    this.#phase = 'listing';
    this.#events.greeted(this);
    const { lease, version, clusterId, epoch } = this.#deps;
    this.send({
      kind: 'welcome',
      value: {
        protocolVersion: NODE_PROTOCOL_VERSION,
        controllerVersion: version,
        clusterId,
        epoch,
        leaseMs: lease.leaseMs,
        heartbeatMs: lease.heartbeatMs,
        nodeId: this.nodeId,
      },
    });
  }

  #list(inventory: Extract<NodeFrame, { kind: 'inventory' }>['value']): void {
    const { part, more, sessions } = inventory;
    if (!this.#inventory.take(inventory)) return this.#reject(`part ${part} of its inventory does not follow`);
    if (this.#inventory.orphans.length > MAX_ORPHANS) return this.#reject('it holds too many containers and volumes of no session');
    if (this.#inventory.images.size > MAX_IMAGES) return this.#reject('it holds too many images');
    if (this.#inventory.held > MAX_REPORTS) return this.#reject('it holds too many sessions');
    if (!this.#keeps(this.#inventory.images, this.#inventory.orphans))
      return this.#reject('the names of its images and orphans are too long');
    if (inventory.sessions.length + inventory.images.length + inventory.orphans.length === 0 && more) this.#waste('inventory');
    this.#frameBytes = A_FRAME_BYTES;
    for (const report of sessions) this.#report(report);
    if (more) return this.#decide(this.#deps.applier.apply(afterwards), () => this.send({ kind: 'inventoryTaken', value: { part } }));
    for (const image of this.#inventory.images) this.images.add(image);
    this.#orphaned(this.#inventory.orphans);
    this.#isListed = true;
    this.#decide(this.#deps.applier.apply(afterwards), () => this.#forgetMissing());
  }

  /** All that it says was decided: what it does not say is not so, and then it is connected. */
  #forgetMissing(): void {
    const { applier, turns, view } = this.#deps;
    const missing = this.#inventory.missing(view, this.nodeId);
    turns.add(
      () => {
        if (this.#phase !== 'listing') return false;
        const next = missing.next();
        if (next.done === true) {
          this.#inventory = new InventoryParts();
          const greeting = saidHello(this.#hello);
          const hostname = this.#deps.nameByItself(this.nodeId, greeting.hostname);
          this.#decide(applier.apply(nodeConnected(this.nodeId, { ...greeting, hostname, keyHash: this.#keyHash })), () => this.#goLive());
          return false;
        }
        if (next.value.length > 0) this.#decide(applier.apply(notHeld(this.nodeId, next.value)), () => undefined);
        return true;
      },
      (error) => this.#failed(error),
    );
  }

  #goLive(): void {
    if (this.#phase !== 'listing') return;
    this.#phase = 'live';
    this.#deps.alarms?.clear(this.nodeId);
    this.lease.renew();
    this.#set.begin();
    this.#log.info('node.live', { node: this.name, images: this.images.size });
    this.#events.live(this);
    this.#takeEarly();
  }

  #live(frame: NodeFrame): void {
    const { applier, news, barriers } = this.#deps;
    switch (frame.kind) {
      case 'hello':
      case 'inventory':
        return this.#reject(`a second ${frame.kind}`);
      case 'heartbeat':
        return this.#beat(frame.value.number);
      case 'report':
        return this.#report(frame.value);
      case 'removed': {
        const { sessionId, upToGeneration } = frame.value;
        if (this.#deps.view.get('tombstones', sessionId)?.nodeId !== this.nodeId) return this.#waste('removed');
        return this.#decide(applier.apply(finishRemoval(this.nodeId, sessionId as SessionId, upToGeneration)), () => undefined);
      }
      case 'orphans':
        return this.#news('orphans', 'orphans', () => this.#orphaned(frame.value.orphans));
      case 'images':
        return this.#news('images', 'images', () => this.#imagesAre(new Set(frame.value.images)));
      case 'imageMissing': {
        const session = this.#own(frame.value.sessionId);
        if (session?.image !== frame.value.image) return this.#waste('imageMissing');
        return this.#news('imageMissing', `image:${session.id}`, () => {
          this.images.delete(session.image);
          this.#events.imageMissing(this, session);
        });
      }
      case 'build':
        this.#waste('build'); // an honest node says it seldom, whatever comes of it
        return this.#built(saidBuild(frame.value));
      case 'conditions':
        return this.#conditionsSaid(frame.value.conditions);
      case 'disk':
        return this.#disk(frame.value);
      case 'secretsRequest':
        return this.#secretsAsked(frame.value);
      case 'workers': {
        const session = this.#own(frame.value.sessionId);
        if (session === undefined) return this.#trespass(frame.value.sessionId, 'workers');
        const tell = () => this.#events.workers(this, session, frame.value.workers);
        if (this.#pace.allows('workers', session.id)) {
          this.#late.forget(`workers:${session.id}`);
          return tell();
        }
        return this.#news('workers', `workers:${session.id}`, tell);
      }
      case 'limitReached': {
        const { sessionId: session, limit, value, agent } = frame.value;
        if (this.#own(session) === undefined) return this.#trespass(session, 'limitReached');
        if (!this.#pace.allowsNews(`limit:${limit}:${session}`)) return this.#waste('limitReached');
        const reason = limit === 'processes' ? 'process limit reached' : 'memory limit reached';
        return this.#log.warn('session.limit-reached', { node: this.name, session, reason, limit: value, agent: agent || undefined });
      }
      case 'streamRefused':
        return this.#events.streamRefused(this, frame.value) ? undefined : this.#waste('streamRefused');
      case 'lines':
        return this.#events.lines(this, frame.value) ? undefined : this.#waste('lines');
      case 'setPartTaken':
        if (!this.#set.taken(frame.value.setId, frame.value.part)) this.#reject('it took in a part that was not sent');
        return;
      case 'setJudged':
        if (frame.value.agrees || frame.value.setId !== this.#assignments.setId || this.#set.isSending) return this.#waste('setJudged');
        return this.#news('setJudged', 'set', () => this.#differs('held'));
      case 'shutdownDone':
        return this.#events.shutDown(this);
      case 'accepted': {
        const { sessionId, messageId, generation, settled } = frame.value;
        if (this.#own(sessionId) === undefined) return this.#trespass(sessionId, 'accepted');
        const about = { from: this.nodeId, generation, sessionId: sessionId as SessionId, messageId: messageId as MessageId };
        return this.#decide(applier.applyLazily(acceptMessage({ ...about, settled })), (isNews) => {
          if (!isNews) this.#waste('accepted');
          // The window has moved on.
          this.#delivery.due(sessionId as SessionId);
        });
      }
      case 'runStarted': {
        const { sessionId, messageId } = frame.value;
        if (this.#own(sessionId) === undefined) return this.#trespass(sessionId, 'runStarted');
        const isQueued = this.#deps.view.get('queue', messageId)?.sessionId === sessionId;
        if (!isQueued || !this.#pace.allows('runs', messageId)) return this.#waste('runStarted');
        return this.#decide(applier.applyLazily(startRun(saidRun(this.nodeId, frame.value))), (isNews) => {
          if (!isNews) this.#waste('runStarted');
        });
      }
      case 'answer': {
        const held = barriers.reach('answer.received');
        if (held === undefined) return this.#answer(frame.value);
        held.then(() => this.#answer(frame.value)).catch((error) => this.#failed(error));
        return;
      }
      case 'delta': {
        const spaceId = this.#own(frame.value.sessionId)?.spaceId;
        if (spaceId === undefined) return this.#trespass(frame.value.sessionId, 'delta');
        if (!this.#allowsOutput()) return this.#waste('delta');
        news.delta({ ...frame.value, spaceId, sessionId: frame.value.sessionId as SessionId });
        return;
      }
      case 'log': {
        const spaceId = this.#own(frame.value.sessionId)?.spaceId;
        if (spaceId === undefined) return this.#trespass(frame.value.sessionId, 'log');
        if (!this.#allowsOutput()) return this.#waste('log');
        news.log(saidLine(spaceId, frame.value));
        return;
      }
      default:
        frame satisfies never;
    }
  }

  #imagesAre(images: ReadonlySet<string>): void {
    if (!this.#keeps(images, this.orphans)) return this.#reject('the names of its images are too long');
    const lost = [...this.images].filter((image) => !images.has(image));
    this.images.clear();
    for (const image of images) this.images.add(image);
    this.#events.imagesChanged(this, lost);
  }

  #orphaned(orphans: readonly Orphan__Output[]): void {
    if (!this.#keeps(this.images, orphans)) return this.#reject('the names of its orphans are too long');
    const known = new Set(this.orphans.map(({ sessionId }) => sessionId));
    this.orphans = orphans;
    const fresh = orphans.filter(({ sessionId }) => !known.has(sessionId));
    for (const { sessionId } of fresh.slice(0, MAX_ORPHANS_LOGGED)) this.#warn('node.orphan', { session: sessionId });
    if (fresh.length > MAX_ORPHANS_LOGGED) this.#warn('node.orphans', { more: fresh.length - MAX_ORPHANS_LOGGED });
  }

  #conditionsSaid(conditions: readonly Condition__Output[]): void {
    this.#news('conditions', 'conditions', () => this.#conditioned(conditions));
  }

  #conditioned(conditions: readonly Condition__Output[]): void {
    const was = new Set(this.conditions.map(({ type }) => type));
    const now = this.#deps.applier.time.now();
    this.conditions = conditions
      .slice(0, MAX_CONDITIONS)
      .map((one) => ({ ...one, message: visibleText(one.message), since: Math.max(0, Math.floor(now - one.sinceMs)) }));
    for (const { type, message, unschedulable } of this.conditions)
      if (!was.has(type) && this.#pace.allows('lines'))
        this.#log[unschedulable ? 'warn' : 'info']('node.condition', { node: this.name, type, message });
    this.#events.conditionsChanged(this);
  }

  #beat(number: number): void {
    if (!this.#pace.allows('heartbeats')) return this.#waste('heartbeat');
    this.lease.renew();
    this.send({ kind: 'heartbeatAck', value: { number, leaseMs: this.#deps.lease.leaseMs } });
  }

  #report(value: Report__Output): void {
    const report = saidReport(this.nodeId, this.#hello?.incarnation ?? 0, value);
    if (report === undefined) return this.#reject('a report without a phase');
    const session = this.#own(report.sessionId);
    if (session === undefined) return this.#trespass(report.sessionId, 'report');
    const decide = () =>
      this.#decide(this.#deps.applier.apply(recordReport(report)), (speaker) => {
        if (speaker === 'old') return this.#waste('report');
        if (speaker !== 'yes') return this.#trespass(report.sessionId, 'report');
        if (report.phase === 'running' && this.isLive) this.#delivery.restart(report.sessionId);
      });
    const key = `report:${session.id}`;
    // What the assignment asks for is bounded by those who ask. Anything else is news of the node's own.
    if (isUnasked(session, report)) return this.#news('report', key, decide);
    this.#late.forget(key);
    if (isRepeated(session, report) && this.isLive) this.#waste('report');
    return decide();
  }

  #disk({ sessionId: id, generation, full, limitBytes }: DiskState__Output): void {
    const session = this.#own(id);
    if (session === undefined) return this.#trespass(id, 'disk');
    const key = `disk:${session.id}`;
    if (this.#fullDisks.get(session.id) === full) {
      this.#late.forget(key);
      return this.#waste('disk');
    }
    this.#news('disk', key, () => {
      this.#fullDisks.set(session.id, full);
      const state = { from: this.nodeId, sessionId: session.id, generation, full, limitBytes };
      this.#decide(this.#deps.applier.apply(recordDiskState(state)), (isTold) => {
        if (isTold && full) this.#warn('session.disk-full', { session: session.id, limitBytes });
      });
    });
  }

  #secretsAsked(request: SecretsRequest__Output): void {
    if (this.#own(request.sessionId) === undefined) {
      this.#trespass(request.sessionId, 'secretsRequest');
      return void this.send({ kind: 'secrets', value: { sessionId: request.sessionId, version: 0, values: {} } });
    }
    if (!this.#pace.allows('secrets', request.sessionId)) {
      this.#waste('secretsRequest');
      return this.#news('secretsRequest', `secrets:${request.sessionId}`, () => this.#sendSecrets(request));
    }
    this.#sendSecrets(request);
  }

  #sendSecrets(request: SecretsRequest__Output): void {
    this.send({ kind: 'secrets', value: secretsFor(this.#deps, this.nodeId, request) });
  }

  #answer(value: Answer__Output): void {
    const answer = saidAnswer(this.nodeId, value);
    if (answer === undefined) return this.#reject('an answer without an outcome');
    const { sessionId, messageId } = answer;
    this.#decide(this.#deps.applier.apply(recordAnswer(answer)), (verdict) => {
      if (verdict === 'refused') return this.#trespass(sessionId, 'answer');
      if (verdict !== 'committed') {
        if (this.#pace.allows('lines'))
          this.#log.info('answer.dropped', { node: this.name, session: sessionId, message: messageId, verdict });
        this.#waste('answer');
      }
      this.send({ kind: 'settled', value: { sessionId, messageId, upToSeq: 0 } });
    });
  }

  /** The session, if it is this node's. */
  #own(sessionId: string): SessionRow | undefined {
    const session = this.#deps.view.get('sessions', sessionId);
    return session?.nodeId === this.nodeId ? session : undefined;
  }

  /**
   * It said something of a session that is not its own, or is not any more. One that has taken in all that it should hold, and still speaks
   * of another node's session, is no honest node agent.
   */
  #trespass(session: string, frame: Kind): void {
    this.#waste(frame);
    const row = this.#deps.view.get('sessions', session);
    if (row === undefined || row.desired === 'deleted') return;
    this.#warn('node.trespass', { session, frame });
    if (this.isLive && this.agreed) this.#deps.alarms?.raise(this.nodeId, trespassAlarm(this.name));
  }

  /** Hears news that nobody asked for at their rate, the newest of each thing later. */
  #news(kind: Kind, key: string, hear: () => void): void {
    if (this.#late.hear(key, () => this.guarded(hear))) return;
    this.#deps.metrics.delayed.add(1, { kind });
    this.#waste(kind);
  }

  /** A frame changed nothing. A node with too many of them is not read for a while. */
  #waste(kind: Kind): void {
    this.#deps.metrics.wasted.add(1, { kind });
    const restMs = this.#pace.waste();
    if (restMs === 0 || this.#rest !== undefined || this.#phase === 'closed') return;
    this.#deps.alarms?.raise(this.nodeId, floodAlarm(this.name));
    this.#link.pause();
    this.#rest = this.#deps.clock.after(Math.max(SHORTEST_REST_MS, restMs), () => {
      this.#rest = undefined;
      if (!this.#isPaused) this.#link.resume();
    });
  }

  #allowsOutput(): boolean {
    return this.#pace.allows('output') && this.#pace.allows('output_bytes', '', this.#frameBytes);
  }

  #keeps(images: Iterable<string>, orphans: readonly Orphan__Output[]): boolean {
    let bytes = 0;
    for (const image of images) bytes += 2 * image.length + A_NAME_BYTES;
    for (const { sessionId, containerId, volume, space, image } of orphans)
      bytes += 2 * (sessionId.length + containerId.length + volume.length + space.length + image.length) + 5 * A_NAME_BYTES;
    return this.#deps.memory.keep(this, bytes);
  }

  /** About what it says, at a rate. */
  #warn(event: string, fields: LogFields): void {
    if (this.#pace.allows('lines')) this.#log.warn(event, { node: this.name, ...fields });
  }

  #built(report: ReturnType<typeof saidBuild>): void {
    if (report === undefined) return this.#reject('a build report without a phase');
    if (report !== 'under way') this.#events.build(this, report);
  }

  /** Frames are decided in the order in which they came, since the applier keeps it; too many at once stop the reading. */
  #decide<Answer>(decided: Promise<Answer>, then: (answer: Answer) => void): void {
    const bytes = this.#frameBytes;
    this.#undecided += 1;
    this.#undecidedBytes += bytes;
    const { memory } = this.#deps;
    memory.changeUndecided(bytes);
    if (!this.#isPaused && (this.#undecided >= MAX_UNDECIDED.frames || memory.isFull(this.#undecidedBytes))) {
      this.#isPaused = true;
      this.#deps.metrics.paused.add();
      this.#link.pause();
    }
    decided
      .then(then)
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#undecided -= 1;
        this.#undecidedBytes -= bytes;
        memory.changeUndecided(-bytes);
        if (!this.#isPaused || this.isBehind || (memory.isFull(this.#undecidedBytes) && this.#undecided > 0)) return;
        this.#isPaused = false;
        if (this.#rest === undefined) this.#link.resume();
      });
  }

  #reject(reason: string): void {
    this.#log.warn('node.rejected', { node: this.name, reason });
    this.close(new Error(reason));
  }
}

/** About this node's session, at the generation that the controller knows already: it changed with nobody asking. */
function isUnasked(session: SessionRow, report: Report): boolean {
  return isOfKnownGeneration(session, report) && !isSame(session, report);
}

/** It says what is known. */
const isRepeated = (session: SessionRow, report: Report): boolean => isOfKnownGeneration(session, report) && isSame(session, report);

const isOfKnownGeneration = (session: SessionRow, { generation }: Report): boolean =>
  generation === session.generation && session.observedGeneration === generation && session.phase !== 'none';

const isSame = ({ phase, containerId, volume, life }: SessionRow, report: Report): boolean =>
  phase === report.phase &&
  (containerId ?? '') === report.containerId &&
  (volume ?? '') === report.volume &&
  (!report.life || life?.number === report.life);

const trespassAlarm = (name: string): Alarm => ({
  type: 'Trespass',
  message: `The node ${name} speaks of sessions of other nodes. If its node agent is the one that you installed, report this as a bug; else stop that machine.`,
});

const floodAlarm = (name: string): Alarm => ({
  type: 'Flood',
  message: `The node ${name} says far more than changes there, so it is heard slowly. Read the log of its node agent, and stop that machine if it is not yours any more.`,
});

/** Is decided when all before it is. */
const afterwards: Command<undefined> = { name: 'afterwards', decide: () => unchanged(undefined) };
