import { knownFeatures } from '../../../../proto/build-features.ts';
import type { ControllerFrame, NodeFrame } from '../../../../proto/frame.ts';
import { beyondBounds } from '../../../../proto/frame-bounds.ts';
import type { Hello__Output } from '../../../../proto/generated/raworc/node/v0/Hello.ts';
import type { Link } from '../../../../proto/link.ts';
import { commonVersion, NODE_PROTOCOL, versionsOf } from '../../../../proto/versions.ts';
import { PROFILES } from '../../../contract/profiles.ts';
import type { NodeId } from '../../../domain/engine/ids.ts';
import { nodeConnected } from '../../../domain/nodes/commands/nodes.ts';
import { Lease } from '../../nodes/lease.ts';
import { decodeHello } from '../decode.ts';
import { hostOf } from '../identity-fence.ts';
import type { StreamDeps, StreamEvents, StreamProof } from './deps.ts';
import { DEFAULT_FRAME_BYTES, FlowControl } from './flow-control.ts';
import { handle } from './handlers.ts';
import { helloFault, welcome } from './handshake.ts';
import type { Inbound } from './inbound.ts';
import { Listing } from './listing.ts';
import { NodeFacts } from './node-facts.ts';
import { conditions, heartbeat } from './node-frames.ts';
import type { NodePace } from './node-pace.ts';
import { Outbound } from './outbound.ts';
import { StreamLimits } from './stream-limits.ts';

export interface NodeStreamOptions {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly link: Link<ControllerFrame, NodeFrame>;
  readonly shared: StreamDeps;
  readonly pace: NodePace;
  /** Undefined for links without a certificate. */
  readonly proof?: StreamProof | undefined;
  events(stream: NodeStream): StreamEvents;
}

/** Frames before the welcome that are kept: more than an honest node sends. */
const MAX_EARLY = 16;

/**
 * One node's stream, from hello to its end.
 * 1. First `hello`, then `inventory`: any other frame before them ends the stream, and later ones
 *    wait until it is live.
 * 2. The inventory is decided first. Then, in one turn, the node is sent what it should hold, so
 *    that no change gets lost in between.
 * 3. Once it is `live`, row changes go out on commit, and frames are decided in order of arrival.
 * 4. Frames without effect and spontaneous news have rates ({@link StreamLimits}): beyond them the
 *    node is read slowly, and the newest news of each subject is handled later. No node can fill
 *    the event log or starve others.
 * 5. A frame that does not fit into the outbound queue ends the stream: the next one starts with a
 *    full set.
 */
export class NodeStream implements Inbound {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly link: Link<ControllerFrame, NodeFrame>;
  readonly shared: StreamDeps;
  readonly events: StreamEvents;
  readonly lease: Lease;
  readonly flow: FlowControl;
  readonly limits: StreamLimits;
  readonly facts: NodeFacts;
  readonly outbound: Outbound;
  /** The node's host, without the port. */
  readonly host: string | undefined;
  readonly #proof: StreamProof | undefined;
  readonly #listing: Listing;
  #hello: Hello__Output | undefined;
  #phase: 'greeting' | 'waiting' | 'listing' | 'live' | 'closed' = 'greeting';
  /** Frames that arrived while another process might still have the node's place. */
  readonly #early: (readonly [NodeFrame, number])[] = [];
  #bootShift = 0;

  constructor({ nodeId, name, link, shared, pace, proof, events }: NodeStreamOptions) {
    this.nodeId = nodeId;
    this.name = name;
    this.link = link;
    this.shared = shared;
    this.events = events(this);
    this.lease = new Lease(shared.clock, shared.lease.leaseMs);
    this.flow = new FlowControl(this);
    this.limits = new StreamLimits(this, pace, this.flow);
    this.facts = new NodeFacts(shared.memory);
    this.outbound = new Outbound(this, this.flow);
    this.#proof = proof;
    this.host = hostOf(proof?.address);
    this.#listing = new Listing(this, () => this.#connect());
    link.onMessage((frame, bytes = DEFAULT_FRAME_BYTES) => this.#take(frame, bytes));
    link.onClose((fault) => this.#closed(fault));
  }

  get isLive(): boolean {
    return this.#phase === 'live';
  }

  get incarnation(): number {
    return this.#hello?.incarnation ?? 0;
  }

  get boot(): number {
    return this.#hello?.boot ?? 0;
  }

  /** The version that this stream uses. */
  get protocolVersion(): number {
    return commonVersion(this.facts.spoken, NODE_PROTOCOL) ?? NODE_PROTOCOL.oldest;
  }

  get machine(): string {
    return this.#hello?.machine ?? '';
  }

  get bootShift(): number {
    return this.#bootShift;
  }

  send(frame: ControllerFrame): boolean {
    if (this.#phase === 'closed') return false;
    if (this.link.send(frame)) return true;
    this.close(new Error('the node does not read its stream'));
    return false;
  }

  close(fault?: Error): void {
    this.link.close(fault);
  }

  guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.failed(error);
    }
  }

  /** An error while handling one node's frames ends that node's stream, and nothing else. */
  failed(error: unknown): void {
    const fault = error instanceof Error ? error : new Error(String(error));
    this.shared.log.error('node.stream_failed', { node: this.name, error: fault.message });
    this.shared.metrics.failed.add();
    this.close(fault);
  }

  reject(reason: string): void {
    this.shared.log.warn('node.rejected', { node: this.name, reason });
    this.close(new Error(reason));
  }

  #take(frame: NodeFrame, bytes: number): void {
    if (this.#phase === 'closed') return;
    this.flow.frameBytes = bytes;
    const fault = beyondBounds(frame);
    if (fault !== undefined) return this.reject(`the node sent an invalid frame: ${fault}`);
    if (this.#phase === 'live') return handle(this, frame);
    if (this.#phase === 'greeting')
      return frame.kind === 'hello' ? this.#greet(frame.value) : this.reject(`the node sent ${frame.kind} before hello`);
    if (this.#phase === 'waiting') return this.#keep(frame, bytes);
    if (frame.kind === 'heartbeat') return heartbeat(this, frame.value.number);
    if (frame.kind === 'conditions') return conditions(this, frame.value.conditions);
    if (this.#listing.isComplete) return this.#listing.later(() => this.#take(frame, bytes));
    if (frame.kind !== 'inventory') return this.reject(`the node sent ${frame.kind} before the inventory`);
    this.#listing.take(frame.value);
  }

  #greet(hello: Hello__Output): void {
    const { view, clusterId, epoch, alarms, log } = this.shared;
    const row = view.get('nodes', this.nodeId);
    const fault = helloFault(hello, { row, name: this.name, keyHash: this.#proof?.keyHash, clusterId, epoch });
    if (fault !== undefined) {
      if (fault.alarm !== undefined) alarms?.raise(this.nodeId, fault.alarm);
      return this.reject(fault.reason);
    }
    if (hello.epoch > epoch) log.warn('node.epoch_ahead', { node: this.name, theirs: hello.epoch, ours: epoch });
    this.#hello = hello;
    this.facts.spoken = versionsOf(hello);
    this.facts.movesImages = hello.movesImages;
    this.facts.removesImages = hello.removesImages;
    this.facts.engine = hello.engine;
    this.facts.cancelsMessages = hello.cancelsMessages;
    this.facts.takesSlots = hello.takesSlots;
    this.facts.buildFeatures = knownFeatures(hello.buildFeatures);
    this.facts.profiles = new Set(PROFILES.filter((one) => hello.profiles.includes(one)));
    this.#phase = 'waiting';
    this.events.greeted(() => this.#welcome());
    if (this.#phase === 'waiting') this.link.pause();
  }

  #welcome(): void {
    if (this.#phase !== 'waiting') return;
    // Read now, because another process can have been connected meanwhile.
    const { lastBoot = 0 } = this.shared.view.get('nodes', this.nodeId) ?? {};
    this.#bootShift = this.boot < lastBoot ? lastBoot + 1 - this.boot : 0;
    this.#phase = 'listing';
    this.send(welcome(this.nodeId, this.protocolVersion, this.shared));
    for (const [frame, bytes] of this.#early.splice(0)) this.#take(frame, bytes);
    this.link.resume();
  }

  /** A paused link delivers only what was already read. */
  #keep(frame: NodeFrame, bytes: number): void {
    if (this.#early.length >= MAX_EARLY) return this.reject('the node sent too much before its welcome');
    this.#early.push([frame, bytes]);
  }

  /** Records the connection, once everything that the node reported is decided. */
  #connect(): void {
    const { applier, nameByItself } = this.shared;
    const greeting = decodeHello(this.#hello);
    const hostname = nameByItself(this.nodeId, greeting.hostname);
    const { keyHash, certificate } = this.#proof ?? {};
    const connected = { ...greeting, hostname, keyHash, certificate, address: this.host, boot: greeting.boot + this.#bootShift };
    this.flow.decide(applier.apply(nodeConnected(this.nodeId, connected)), () => this.#goLive());
  }

  #goLive(): void {
    if (this.#phase !== 'listing') return;
    this.#phase = 'live';
    this.shared.alarms?.clear(this.nodeId);
    this.lease.renew();
    this.outbound.begin();
    this.shared.log.info('node.live', { node: this.name, images: this.facts.images.size, protocol: this.protocolVersion });
    this.events.live();
    this.#listing.end();
  }

  #closed(fault: Error | undefined): void {
    if (this.#phase === 'closed') return;
    const wasLive = this.isLive;
    this.#phase = 'closed';
    this.#listing.end();
    for (const part of [this.outbound, this.limits, this.flow, this.facts]) part.close();
    this.shared.log.info('node.stream_closed', { node: this.name, live: wasLive, fault: fault?.message });
    this.guarded(() => this.events.closed());
  }
}
