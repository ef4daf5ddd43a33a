import type { ControllerFrame, NodeFrame } from '../../../proto/frame.ts';
import type { Link } from '../../../proto/link.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { AgentRow } from '../../domain/agents/rows.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import { canAnswer } from '../../domain/messages/can-answer.ts';
import { nodeUnreachable } from '../../domain/nodes/commands/node-absence.ts';
import { NO_RULES, type NodeRules, nameByItself } from '../../domain/nodes/node-rules.ts';
import type { Committed } from '../engine/applier.ts';
import type { Loops } from '../engine/loops.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { TimeSlices } from '../engine/time-slices.ts';
import { changesIn } from './changes.ts';
import { Comparisons } from './compare-loop.ts';
import { stopAgent, stopAgentIn } from './encode.ts';
import type { FleetListener, StreamCarrier } from './fleet-listener.ts';
import { IdentityFence } from './identity-fence.ts';
import { LiveWorkers } from './live-workers.ts';
import { type StreamDeps, type StreamEvents, type StreamProof, streamMetrics } from './node-stream/deps.ts';
import { NodePaces } from './node-stream/node-pace.ts';
import { NodeStream } from './node-stream/node-stream.ts';
import type { Outbound } from './node-stream/outbound.ts';
import { StreamMemory } from './node-stream/stream-memory.ts';

/** Nodes that stop together with the controller. */
export type NodesToStop = 'all' | readonly string[];

export interface FleetDeps extends Omit<StreamDeps, 'slices' | 'metrics' | 'memory' | 'mayHave' | 'isDraining' | 'nameByItself'> {
  readonly directory: NodeDirectory;
  /** The operator's rules for nodes. */
  readonly rules?: NodeRules;
  readonly metrics?: Metrics;
  readonly loops: Pick<Loops, 'open'>;
  /** Default: {@link COMPARE_MS}. */
  readonly compareMs?: number;
}

/**
 * The control streams of all nodes, one each. A process that reconnects replaces its older stream;
 * {@link IdentityFence} keeps other processes with its identity out.
 */
export class Fleet {
  readonly #deps: FleetDeps;
  readonly #streams = new Map<NodeId, NodeStream>();
  /** Streams that have no place yet: their hello was not accepted, or another process can have it. */
  readonly #contenders = new Set<NodeStream>();
  /** Nodes whose stream ended while another one, without a place yet, was there. */
  readonly #succeeding = new Set<NodeId>();
  /** Live workers of agents by session. */
  readonly workers = new LiveWorkers();
  readonly #ending = new Map<NodeStream, () => void>();
  readonly #slices: TimeSlices;
  readonly #paces: NodePaces;
  readonly #shared: StreamDeps;
  readonly #comparisons: Comparisons;
  readonly #listeners: FleetListener[] = [];
  readonly #fence: IdentityFence;
  #carrier: StreamCarrier | undefined;
  #closing = false;

  constructor(deps: FleetDeps) {
    this.#deps = deps;
    this.#slices = new TimeSlices(deps.clock);
    this.#paces = new NodePaces(deps.clock);
    this.#comparisons = new Comparisons(deps);
    this.#fence = new IdentityFence({
      ...deps,
      lastKnown: (id) => {
        const row = deps.directory.row(id);
        return row && { boot: row.lastBoot, host: row.address, machine: row.machine, isLost: row.lostAt !== null };
      },
    });
    this.#shared = {
      ...deps,
      slices: this.#slices,
      memory: new StreamMemory(),
      mayHave: (nodeId, spaceId) => deps.directory.mayHave(nodeId, spaceId),
      isDraining: (nodeId) => deps.directory.row(nodeId)?.drain != null,
      nameByItself: (nodeId, said) => nameByItself(deps.rules ?? NO_RULES, nodeId, said),
      metrics: streamMetrics(deps.metrics ?? silentMetrics),
    };
    deps.applier.onCommitted((committed) => this.#committed(committed));
  }

  listen(listener: FleetListener): void {
    this.#listeners.push(listener);
  }

  /** Call once. */
  carry(carrier: StreamCarrier): void {
    this.#carrier = carrier;
  }

  /** Accepts a stream whose certificate names this node. */
  connect(nodeId: NodeId, link: Link<ControllerFrame, NodeFrame>, proof?: StreamProof): void {
    const row = this.#deps.view.get('nodes', nodeId);
    if (this.#closing) {
      link.close(new Error('the controller is shutting down'));
      return;
    }
    const stream = new NodeStream({
      nodeId,
      name: row?.name ?? nodeId,
      link,
      shared: this.#shared,
      pace: this.#paces.of(nodeId),
      proof,
      events: (one) => this.#eventsOf(one),
    });
    this.#contenders.add(stream);
  }

  #takesPlace(stream: NodeStream): void {
    const older = this.#streams.get(stream.nodeId);
    this.#gone(stream.nodeId);
    this.#contenders.delete(stream);
    this.#succeeding.delete(stream.nodeId);
    this.#fence.taken(stream);
    this.#streams.set(stream.nodeId, stream);
    this.#comparisons.add(stream.outbound);
    older?.close(new Error('a newer stream of this node replaced this one'));
  }

  isConnected(nodeId: NodeId): boolean {
    const stream = this.#streams.get(nodeId);
    return stream?.isLive === true && stream.lease.runs;
  }

  stream(nodeId: NodeId): NodeStream | undefined {
    const stream = this.#streams.get(nodeId);
    return stream?.isLive === true ? stream : undefined;
  }

  /** The node takes messages again: sends those that wait for its running sessions. */
  resumeDelivery(nodeId: NodeId): void {
    const stream = this.#streams.get(nodeId);
    stream?.guarded(() => stream.outbound.resume());
  }

  /** Returns the streams without a place: they sent no hello yet, or wait for another process to end. */
  contenders(): readonly NodeStream[] {
    return [...this.#contenders];
  }

  /** Returns one stream per node, including those that are not live yet. */
  streams(): readonly NodeStream[] {
    return [...this.#streams.values()];
  }

  /**
   * Stops the agent's workers in all sessions of its space. Disconnected nodes do so when their
   * guests start.
   */
  stopAgent(agent: AgentRow, interrupt: boolean): void {
    for (const stream of this.#streams.values()) if (stream.isLive) stream.send(stopAgent(agent.spaceId, agent.name, interrupt));
  }

  /**
   * Asks connected nodes to remove their containers and exit: all, or those with these names.
   * Resolves when all have, or when `signal` aborts.
   */
  async shutDownNodes(nodes: NodesToStop, graceMs: number, signal: AbortSignal): Promise<void> {
    this.#closing = true;
    const isMeant = ({ nodeId }: NodeStream) => nodes === 'all' || nodes.includes(this.#deps.view.get('nodes', nodeId)?.name ?? '');
    const ends = [...this.#streams.values()].filter(isMeant).map(
      (stream) =>
        new Promise<void>((resolve) => {
          if (!stream.isLive) return resolve();
          this.#ending.set(stream, resolve);
          signal.addEventListener('abort', () => resolve());
          if (signal.aborted || !stream.send({ kind: 'shutdown', value: { graceMs } })) resolve();
        }),
    );
    await Promise.all(ends);
  }

  close(): void {
    this.#closing = true;
    this.#fence.close();
    this.#slices.close();
    for (const stream of [...this.#streams.values(), ...this.#contenders]) stream.close();
  }

  #eventsOf(stream: NodeStream): StreamEvents {
    return {
      greeted: (proceed) =>
        this.#fence.claim(stream, this.#streams.get(stream.nodeId), () => {
          this.#takesPlace(stream);
          proceed();
        }),
      heartbeat: () => {
        if (this.#streams.get(stream.nodeId) === stream) this.#fence.heard(stream);
      },
      live: () => {
        this.#deps.directory.connected(stream.nodeId, stream);
        this.#tell((one) => one.live(stream.nodeId));
      },
      imagesChanged: (lost) => this.#tell((one) => one.imagesChanged(stream.nodeId, lost)),
      slotFailed: (slot) => this.#tell((one) => one.slotFailed?.(slot)),
      imageMissing: (session) => this.#tell((one) => one.imageMissing?.(stream.nodeId, session)),
      imageMoved: (moved) => this.#tell((one) => one.imageMoved?.(stream.nodeId, moved)),
      conditionsChanged: () => this.#tell((one) => one.conditionsChanged?.(stream.nodeId)),
      build: (report) => this.#tell((one) => one.built?.(stream.nodeId, report)),
      shutDown: () => this.#ended(stream),
      workers: (session, workers) => {
        for (const name of this.workers.report(stream.nodeId, session, workers))
          if (!canAnswer(this.#deps.view, session, name)) stream.send(stopAgentIn(session, name));
      },
      streamRefused: (refusal) => this.#carrier?.refused(stream.nodeId, refusal) === true,
      closed: () => {
        this.#ended(stream);
        this.#comparisons.delete(stream.outbound);
        const hadPlace = this.#streams.get(stream.nodeId) === stream;
        this.#contenders.delete(stream);
        this.#fence.left(stream);
        if (hadPlace) {
          this.#streams.delete(stream.nodeId);
          this.#gone(stream.nodeId);
        }
        if (this.#closing) return;
        if (hadPlace || this.#succeeding.has(stream.nodeId)) this.#left(stream.nodeId);
        if (hadPlace) this.#fence.freed(stream);
      },
    };
  }

  #tell(news: (listener: FleetListener) => void): void {
    for (const listener of this.#listeners) news(listener);
  }

  /** A node that moves to another stream, as when it renews its certificate, is not away. */
  #left(nodeId: NodeId): void {
    const isSucceeded = [...this.#contenders].some((stream) => stream.nodeId === nodeId);
    if (isSucceeded) return void this.#succeeding.add(nodeId);
    this.#succeeding.delete(nodeId);
    this.#carrier?.nodeGone(nodeId);
    this.#deps.applier.tell(nodeUnreachable(nodeId, true));
    this.#tell((one) => one.closed(nodeId));
  }

  #gone(nodeId: NodeId): void {
    this.workers.forget(nodeId);
    this.#deps.directory.disconnected(nodeId);
  }

  #ended(stream: NodeStream): void {
    this.#ending.get(stream)?.();
    this.#ending.delete(stream);
  }

  /** Sends each node the changes of its sessions. */
  #committed({ mutations }: Committed): void {
    this.workers.committed(mutations);
    const { revoked, byNode, cleared, cancelled, due } = changesIn(mutations);
    for (const node of revoked) {
      for (const stream of [this.#streams.get(node), ...this.#contenders])
        if (stream?.nodeId === node) stream.close(new Error('this node was removed from the cluster'));
      this.#carrier?.nodeRevoked(node);
    }
    for (const [node, { sessions, tombstones }] of byNode) {
      const stream = this.#streams.get(node);
      stream?.guarded(() => stream.outbound.changed([...sessions.values()], tombstones));
    }
    for (const id of cleared) {
      const row = this.#deps.view.get('sessions', id);
      const stream = row?.nodeId && row.desired !== 'deleted' ? this.#streams.get(row.nodeId) : undefined;
      if (row !== undefined) stream?.guarded(() => stream.outbound.cleared(row));
    }
    for (const queued of cancelled) this.#sendFor(queued.sessionId, (outbound) => outbound.cancelled(queued));
    for (const id of due) this.#sendFor(id, (outbound) => outbound.messageDue(id));
  }

  #sendFor(id: SessionId, send: (outbound: Outbound) => void): void {
    const node = this.#deps.view.get('sessions', id)?.nodeId;
    const stream = node ? this.#streams.get(node) : undefined;
    stream?.guarded(() => send(stream.outbound));
  }
}
