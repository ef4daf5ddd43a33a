import type { ControllerFrame, NodeFrame } from '../../../../proto/frame.ts';
import type { LiveWorker__Output } from '../../../../proto/generated/raworc/v0/LiveWorker.ts';
import type { StreamRefused__Output } from '../../../../proto/generated/raworc/v0/StreamRefused.ts';
import type { Link } from '../../../../proto/link.ts';
import type { Barriers } from '../../../../seams/barrier.ts';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import type { Counter, Metrics } from '../../../../seams/metrics.ts';
import type { Random } from '../../../../seams/random.ts';
import type { NodeId, SpaceId } from '../../../domain/engine/ids.ts';
import type { View } from '../../../domain/engine/view.ts';
import type { CertificateFacts } from '../../../domain/nodes/rows.ts';
import type { SessionRow } from '../../../domain/sessions/rows.ts';
import type { SlotRow } from '../../../domain/slots/rows.ts';
import type { Applier } from '../../engine/applier.ts';
import type { TimeSlices } from '../../engine/time-slices.ts';
import type { LiveNews } from '../../events/news.ts';
import type { Moved } from '../../images/image-moves.ts';
import type { LeaseTimes } from '../../nodes/lease.ts';
import type { NodeAlarms } from '../../nodes/node-alarms.ts';
import type { BuildNews } from '../decode.ts';
import type { SecretSource } from '../secrets-for.ts';
import type { NodeFacts } from './node-facts.ts';
import type { StreamMemory } from './stream-memory.ts';

/** Shared by the streams of all nodes. */
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
  /** Returns the digest of the CAs that nodes should trust. */
  readonly caDigest?: (() => string) | undefined;
  mayHave(nodeId: NodeId, spaceId: SpaceId): boolean;
  /** Whether the node is drained and gets no new messages. */
  isDraining(nodeId: NodeId): boolean;
  /** Returns the name of a node without a row. */
  nameByItself(nodeId: NodeId, hostname: string): string;
  readonly clusterId: string;
  readonly epoch: number;
  readonly version: string;
  /** Runs long work of all streams in turns. */
  readonly slices: TimeSlices;
  readonly metrics: StreamMetrics;
}

/** What a link's certificate and connection say about a node. */
export interface StreamProof {
  readonly keyHash: string;
  /** Host and port. */
  readonly address?: string;
  readonly certificate?: CertificateFacts;
}

/** One node's stream, as its parts see it. */
export interface Stream {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly shared: StreamDeps;
  readonly link: Link<ControllerFrame, NodeFrame>;
  readonly isLive: boolean;
  readonly facts: Pick<NodeFacts, 'cancelsMessages'>;
  /** False once the stream is over. */
  send(frame: ControllerFrame): boolean;
  /** Runs work for this node. If it throws, the stream ends. */
  guarded(work: () => void): void;
  /** Ends the stream after an internal error of the controller. */
  failed(error: unknown): void;
}

/** What a stream tells the fleet that it belongs to. */
export interface StreamEvents {
  /** Its hello was accepted. Calls `proceed` once it can take its node's place. */
  greeted(proceed: () => void): void;
  /** A heartbeat arrived. */
  heartbeat(): void;
  /** Its inventory was accepted, and the full set is on its way. */
  live(): void;
  /** `lost`: images that disappeared from the node. */
  imagesChanged(lost: readonly string[]): void;
  /** The node lacks the image of one of its sessions. */
  imageMissing(session: SessionRow): void;
  /** A slot on this node could not start, and ended. */
  slotFailed(slot: SlotRow): void;
  imageMoved(moved: Moved): void;
  conditionsChanged(): void;
  build(news: BuildNews): void;
  shutDown(): void;
  /** All live workers in a session of this node. */
  workers(session: SessionRow, workers: readonly LiveWorker__Output[]): void;
  /** Returns false if no such byte stream was requested. */
  streamRefused(refusal: StreamRefused__Output): boolean;
  closed(): void;
}

/** Metrics of all streams together. */
export interface StreamMetrics {
  readonly compared: Counter<'outcome'>;
  readonly failed: Counter;
  readonly paused: Counter;
  readonly wasted: Counter<'kind'>;
  readonly hopsDropped: Counter;
  readonly delayed: Counter<'kind'>;
}

export function streamMetrics(metrics: Metrics): StreamMetrics {
  return {
    compared: metrics.counter({
      name: 'node_sets_compared_total',
      help: 'Comparisons of rows with what a node was sent, by outcome. A node that differs is sent a full set.',
      labels: ['outcome'],
    }),
    failed: metrics.counter({
      name: 'node_stream_faults_total',
      help: 'Node streams ended by an internal error of the controller.',
    }),
    paused: metrics.counter({
      name: 'node_stream_pauses_total',
      help: 'Times that reading a node stream stopped because too much was undecided.',
    }),
    hopsDropped: metrics.counter({
      name: 'hops_dropped_total',
      help: 'Invalid hops of answers, and those beyond the bounds',
    }),
    wasted: metrics.counter({
      name: 'node_frames_wasted_total',
      help: 'Frames of nodes without effect: repeated, refused, or beyond a rate.',
      labels: ['kind'],
    }),
    delayed: metrics.counter({
      name: 'node_news_delayed_total',
      help: 'News of nodes beyond their rate. The newest of each subject is handled later.',
      labels: ['kind'],
    }),
  };
}
