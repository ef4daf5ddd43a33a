import { type ControllerFrame, NODE_PROTOCOL_VERSION, type NodeFrame } from '../../../proto/frame.ts';
import { beyondBounds, MOST_IMAGES, MOST_ORPHANS, MOST_REPORTS } from '../../../proto/frame-bounds.ts';
import type { Condition__Output } from '../../../proto/generated/raworc/node/v0/Condition.ts';
import type { Hello__Output } from '../../../proto/generated/raworc/node/v0/Hello.ts';
import type { Orphan__Output } from '../../../proto/generated/raworc/node/v0/Orphan.ts';
import type { Report__Output } from '../../../proto/generated/raworc/node/v0/Report.ts';
import type { Answer__Output } from '../../../proto/generated/raworc/v0/Answer.ts';
import type { Lines__Output } from '../../../proto/generated/raworc/v0/Lines.ts';
import type { LiveWorker__Output } from '../../../proto/generated/raworc/v0/LiveWorker.ts';
import type { Link } from '../../../proto/link.ts';
import type { Barriers } from '../../../seams/barrier.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import { visibleText } from '../../../seams/terminal-text.ts';
import { type Command, unchanged } from '../../domain/command.ts';
import { acceptMessage } from '../../domain/commands/accept-message.ts';
import { finishRemoval } from '../../domain/commands/finish-removal.ts';
import { certificateAlarm, certificateFault } from '../../domain/commands/node-certificates.ts';
import { nodeConnected, notHeld } from '../../domain/commands/nodes.ts';
import { recordAnswer } from '../../domain/commands/record-answer.ts';
import { recordDiskState } from '../../domain/commands/record-disk-state.ts';
import { recordReport } from '../../domain/commands/record-report.ts';
import { refuseInactive } from '../../domain/commands/refuse-inactive.ts';
import { startRun } from '../../domain/commands/start-run.ts';
import type { MessageId, NodeId, SessionId } from '../../domain/ids.ts';
import type { SessionRow, TombstoneRow } from '../../domain/rows.ts';
import type { View } from '../../domain/view.ts';
import type { Applier } from '../applier.ts';
import type { LiveNews } from '../news.ts';
import { Assignments } from './assignments.ts';
import { Delivery } from './delivery.ts';
import { settledUpTo } from './frames.ts';
import { InventoryParts } from './inventory.ts';
import { Lease, type LeaseTimes } from './lease.ts';
import type { NodeAlarms } from './node-alarms.ts';
import { saidAnswer, saidBuild, saidHello, saidLine, saidReport, saidRun } from './said.ts';
import { type SecretSource, secretsFor } from './secrets-for.ts';
import { SetSender } from './set-sender.ts';
import type { Turns } from './turns.ts';

export interface StreamNeeds {
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
  lines(stream: NodeStream, lines: Lines__Output): void;
  closed(stream: NodeStream): void;
}

/** Frames taken from the link whose commands have not been decided yet: past either bound the link is not read. */
export const MOST_UNDECIDED = { frames: 1000, bytes: 4 * 1024 * 1024 } as const;
/** For a frame of which the link does not say how long it is, and for each report of an inventory. */
const A_FRAME_BYTES = 512;

/** Of one node. What is said beyond them is passed over. */
const MOST_CONDITIONS = 32;

/**
 * One node's stream, from hello to its end.
 *
 * 1. `hello`, then `inventory`; anything else before them ends the stream.
 * 2. The inventory's reports are decided before the node is told what it should hold, in one turn with the telling, so that
 *    no change falls between.
 * 3. Then it is `live`: changes of rows go out as they are committed, and what comes in is decided in the order of its coming.
 * 4. A frame that does not fit into the outbound queue ends the stream: the next one starts from a full set.
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
  readonly #needs: StreamNeeds;
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
  #inventory = new InventoryParts();
  readonly #set: SetSender;

  constructor(
    nodeId: NodeId,
    name: string,
    link: Link<ControllerFrame, NodeFrame>,
    needs: StreamNeeds,
    events: StreamEvents,
    keyHash?: string,
  ) {
    this.#keyHash = keyHash;
    this.nodeId = nodeId;
    this.name = name;
    this.lease = new Lease(needs.clock, needs.lease.leaseMs);
    this.#link = link;
    this.#needs = needs;
    this.#events = events;
    this.#log = needs.log;
    this.#assignments = new Assignments(nodeId, needs.view, needs.random);
    this.#delivery = new Delivery(
      ...([needs.view, needs.barriers] as const),
      { send: (frame) => this.send(frame), hasRoom: () => link.hasRoom?.() ?? true },
      ({ id, sessionId }) => this.#decide(needs.applier.apply(refuseInactive(id)), () => this.#delivery.due(sessionId)),
      (session) => needs.secrets.withheldFrom?.(session) !== true,
    );
    this.#set = new SetSender({
      assignments: this.#assignments,
      turns: needs.turns,
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
    return this.#undecided >= MOST_UNDECIDED.frames / 2 || this.#undecidedBytes >= MOST_UNDECIDED.bytes / 2;
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
    this.send(settledUpTo(this.#needs.view, session));
    this.#delivery.due(session.id);
  }

  /**
   * Compares rows, what was told and what the node holds, against what nobody foresaw; where they differ, it is told everything anew.
   * `done` is called once, when the rows were compared, or there is nothing to compare.
   */
  compare(done: () => void): void {
    if (!this.isLive || this.#set.isSending) return done();
    const { turns, metrics } = this.#needs;
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
    this.#set.close();
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
    this.#needs.metrics.failed.add();
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
      if (frame.kind === 'conditions') return this.#conditioned(frame.value.conditions);
      return frame.kind === 'inventory' ? this.#list(frame.value) : this.#reject(`${frame.kind} before the inventory`);
    }
    this.#live(frame);
  }

  #greet(hello: Hello__Output): void {
    const row = this.#needs.view.get('nodes', this.nodeId);
    if (hello.protocolVersion !== NODE_PROTOCOL_VERSION) {
      return this.#reject(`protocol version ${hello.protocolVersion}, this controller speaks ${NODE_PROTOCOL_VERSION}`);
    }
    if (hello.clusterId !== this.#needs.clusterId) return this.#reject('it belongs to another cluster');
    // It heard of an earlier life of this store, and may have joined after the backup that this one was restored from.
    const knewMore = hello.epoch > 0 && hello.epoch < this.#needs.epoch;
    // One that has joined in this life of the store is known as it is: whoever holds an older key of it could say the same.
    const isOfThisLife = row !== undefined && row.joinedAt >= this.#needs.epoch * 1000;
    const mayBeNewer = knewMore && !isOfThisLife && hello.incarnation > (row?.incarnation ?? -1);
    const fault = this.#keyHash === undefined ? undefined : certificateFault(row, this.#keyHash);
    if (fault !== undefined && (fault === 'revoked' || !mayBeNewer)) {
      const alarm = certificateAlarm(fault, this.name);
      this.#needs.alarms?.raise(this.nodeId, alarm);
      return this.#reject(alarm.message);
    }
    if (row === undefined && !knewMore) return this.#reject('no such node has joined');
    if (row !== undefined && (hello.incarnation < row.incarnation || (hello.incarnation > row.incarnation && !knewMore)))
      return this.#reject('it joined again since: its identity is an older one');
    if (hello.epoch > this.#needs.epoch)
      this.#log.warn('node.epoch_ahead', { node: this.name, theirs: hello.epoch, ours: this.#needs.epoch });
    this.#hello = hello;
    this.#phase = 'listing';
    this.#events.greeted(this);
    const { lease, version, clusterId, epoch } = this.#needs;
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
    if (this.#inventory.orphans.length > MOST_ORPHANS) return this.#reject('it holds too many containers and volumes of no session');
    if (this.#inventory.images.size > MOST_IMAGES) return this.#reject('it holds too many images');
    if (this.#inventory.held > MOST_REPORTS) return this.#reject('it holds too many sessions');
    this.#frameBytes = A_FRAME_BYTES;
    for (const report of sessions) this.#report(report);
    if (more) return this.#decide(this.#needs.applier.apply(afterwards), () => this.send({ kind: 'inventoryTaken', value: { part } }));
    for (const image of this.#inventory.images) this.images.add(image);
    this.#orphaned(this.#inventory.orphans);
    this.#decide(this.#needs.applier.apply(afterwards), () => this.#forgetMissing());
  }

  /** All that it says was decided: what it does not say is not so, and then it is connected. */
  #forgetMissing(): void {
    const { applier, turns, view } = this.#needs;
    const missing = this.#inventory.missing(view, this.nodeId);
    turns.add(
      () => {
        if (this.#phase !== 'listing') return false;
        const next = missing.next();
        if (next.done === true) {
          this.#inventory = new InventoryParts();
          this.#decide(applier.apply(nodeConnected(this.nodeId, { ...saidHello(this.#hello), keyHash: this.#keyHash })), () =>
            this.#goLive(),
          );
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
    this.#needs.alarms?.clear(this.nodeId);
    this.lease.renew();
    this.#set.begin();
    this.#log.info('node.live', { node: this.name, images: this.images.size });
    this.#events.live(this);
  }

  #live(frame: NodeFrame): void {
    const { applier, news, barriers } = this.#needs;
    switch (frame.kind) {
      case 'hello':
      case 'inventory':
        return this.#reject(`a second ${frame.kind}`);
      case 'heartbeat':
        return this.#beat(frame.value.number);
      case 'report':
        return this.#report(frame.value);
      case 'removed':
        return this.#decide(
          applier.apply(finishRemoval(this.nodeId, frame.value.sessionId as SessionId, frame.value.upToGeneration)),
          () => undefined,
        );
      case 'orphans':
        return this.#orphaned(frame.value.orphans);
      case 'images':
        return this.#imagesAre(new Set(frame.value.images));
      case 'imageMissing': {
        const session = this.#needs.view.get('sessions', frame.value.sessionId);
        if (session?.nodeId !== this.nodeId || session.image !== frame.value.image) return;
        this.images.delete(session.image);
        return this.#events.imageMissing(this, session);
      }
      case 'build':
        return this.#built(saidBuild(frame.value));
      case 'conditions':
        return this.#conditioned(frame.value.conditions);
      case 'disk': {
        const { sessionId, generation, full, limitBytes } = frame.value;
        const state = { from: this.nodeId, sessionId: sessionId as SessionId, generation, full, limitBytes };
        return this.#decide(applier.apply(recordDiskState(state)), (isTold) => {
          if (isTold && full) this.#log.warn('session.disk-full', { node: this.name, session: sessionId, limitBytes });
        });
      }
      case 'secretsRequest':
        return void this.send({ kind: 'secrets', value: secretsFor(this.#needs, this.nodeId, frame.value) });
      case 'workers': {
        const session = this.#needs.view.get('sessions', frame.value.sessionId);
        if (session?.nodeId === this.nodeId) this.#events.workers(this, session, frame.value.workers);
        return;
      }
      case 'limitReached': {
        const { sessionId: session, limit, value, agent } = frame.value;
        if (this.#spaceOf(session) === undefined) return;
        const reason = limit === 'processes' ? 'process limit reached' : 'memory limit reached';
        return this.#log.warn('session.limit-reached', { node: this.name, session, reason, limit: value, agent: agent || undefined });
      }
      case 'lines':
        return this.#events.lines(this, frame.value);
      case 'setPartTaken':
        if (!this.#set.taken(frame.value.setId, frame.value.part)) this.#reject('it took in a part that was not sent');
        return;
      case 'setJudged':
        if (!frame.value.agrees && frame.value.setId === this.#assignments.setId && !this.#set.isSending) this.#differs('held');
        return;
      case 'shutdownDone':
        return this.#events.shutDown(this);
      case 'accepted': {
        const { sessionId, messageId, generation, settled } = frame.value;
        const about = { from: this.nodeId, generation, sessionId: sessionId as SessionId, messageId: messageId as MessageId };
        return this.#decide(
          applier.applyLazily(acceptMessage({ ...about, settled })),
          // The window has moved on.
          () => this.#delivery.due(sessionId as SessionId),
        );
      }
      case 'runStarted':
        return this.#decide(applier.applyLazily(startRun(saidRun(this.nodeId, frame.value))), () => undefined);
      case 'answer': {
        const held = barriers.reach('answer.received');
        if (held === undefined) return this.#answer(frame.value);
        held.then(() => this.#answer(frame.value)).catch((error) => this.#failed(error));
        return;
      }
      case 'delta': {
        const spaceId = this.#spaceOf(frame.value.sessionId);
        if (spaceId !== undefined) news.delta({ ...frame.value, spaceId, sessionId: frame.value.sessionId as SessionId });
        return;
      }
      case 'log': {
        const spaceId = this.#spaceOf(frame.value.sessionId);
        if (spaceId !== undefined) news.log(saidLine(spaceId, frame.value));
        return;
      }
      default:
        frame satisfies never;
    }
  }

  #imagesAre(images: ReadonlySet<string>): void {
    const lost = [...this.images].filter((image) => !images.has(image));
    this.images.clear();
    for (const image of images) this.images.add(image);
    this.#events.imagesChanged(this, lost);
  }

  #orphaned(orphans: readonly Orphan__Output[]): void {
    const known = new Set(this.orphans.map(({ sessionId }) => sessionId));
    this.orphans = orphans;
    for (const { sessionId } of orphans) if (!known.has(sessionId)) this.#log.warn('node.orphan', { node: this.name, session: sessionId });
  }

  #conditioned(conditions: readonly Condition__Output[]): void {
    const was = new Set(this.conditions.map(({ type }) => type));
    const now = this.#needs.applier.time.now();
    this.conditions = conditions
      .slice(0, MOST_CONDITIONS)
      .map((one) => ({ ...one, message: visibleText(one.message), since: Math.max(0, Math.floor(now - one.sinceMs)) }));
    for (const { type, message, unschedulable } of this.conditions)
      if (!was.has(type)) this.#log[unschedulable ? 'warn' : 'info']('node.condition', { node: this.name, type, message });
    this.#events.conditionsChanged(this);
  }

  #beat(number: number): void {
    this.lease.renew();
    this.send({ kind: 'heartbeatAck', value: { number, leaseMs: this.#needs.lease.leaseMs } });
  }

  #report(value: Report__Output): void {
    const report = saidReport(this.nodeId, this.#hello?.incarnation ?? 0, value);
    if (report === undefined) return this.#reject('a report without a phase');
    this.#decide(this.#needs.applier.apply(recordReport(report)), (speaker) => {
      if (speaker === 'foreign') this.#trespass(report.sessionId, 'report');
      if (report.phase === 'running' && this.isLive) this.#delivery.restart(report.sessionId);
    });
  }

  #answer(value: Answer__Output): void {
    const answer = saidAnswer(this.nodeId, value);
    if (answer === undefined) return this.#reject('an answer without an outcome');
    const { sessionId, messageId } = answer;
    this.#decide(this.#needs.applier.apply(recordAnswer(answer)), (verdict) => {
      if (verdict === 'refused') return this.#trespass(sessionId, 'answer');
      if (verdict !== 'committed') this.#log.info('answer.dropped', { node: this.name, session: sessionId, message: messageId, verdict });
      this.send({ kind: 'settled', value: { sessionId, messageId, upToSeq: 0 } });
    });
  }

  /** It said something of a session that is not its own, or is not any more. */
  #trespass(session: SessionId, frame: string): void {
    this.#log.warn('node.trespass', { node: this.name, session, frame });
  }

  #built(report: ReturnType<typeof saidBuild>): void {
    if (report === undefined) return this.#reject('a build report without a phase');
    if (report !== 'under way') this.#events.build(this, report);
  }

  #spaceOf(sessionId: string) {
    const row = this.#needs.view.get('sessions', sessionId);
    return row?.nodeId === this.nodeId ? row.spaceId : undefined;
  }

  /** Frames are decided in the order in which they came, since the applier keeps it; too many at once stop the reading. */
  #decide<Answer>(decided: Promise<Answer>, then: (answer: Answer) => void): void {
    const bytes = this.#frameBytes;
    this.#undecided += 1;
    this.#undecidedBytes += bytes;
    if (!this.#isPaused && (this.#undecided >= MOST_UNDECIDED.frames || this.#undecidedBytes >= MOST_UNDECIDED.bytes)) {
      this.#isPaused = true;
      this.#needs.metrics.paused.add();
      this.#link.pause();
    }
    decided
      .then(then)
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#undecided -= 1;
        this.#undecidedBytes -= bytes;
        if (!this.#isPaused || this.isBehind) return;
        this.#isPaused = false;
        this.#link.resume();
      });
  }

  #reject(reason: string): void {
    this.#log.warn('node.rejected', { node: this.name, reason });
    this.close(new Error(reason));
  }
}

/** Is decided when all before it is. */
const afterwards: Command<undefined> = { name: 'afterwards', decide: () => unchanged(undefined) };
