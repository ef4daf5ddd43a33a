import type { ControllerFrame } from '../../../proto/frame.ts';
import { ByteStream, DEFAULT_WINDOW_BYTES } from '../../../proto/streams/byte-stream.ts';
import { isStreamReason, StreamError, type StreamReason } from '../../../proto/streams/reasons.ts';
import { SHARED, SHARED_CREDIT_BYTES } from '../../../proto/streams/shared-stream.ts';
import type { StreamLink } from '../../../proto/streams/stream-frame.ts';
import type { Clock } from '../../../seams/clock.ts';
import { streamOpened } from '../../../seams/garbage.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import type { NodeId, SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { Release } from '../budget/at-once.ts';
import type { Budgets } from '../budget/budgets.ts';
import type { Payer } from '../budget/payer.ts';
import type { Committed } from '../engine/applier.ts';
import { OfferedStreams } from './offered-streams.ts';
import { SharedStreams } from './shared-streams.ts';
import { MAX_BYTE_STREAMS, MAX_SHARED_STREAMS, NodeCounts, refusalOf, tooMany } from './stream-bounds.ts';
import { Tickets } from './tickets.ts';

/** How long a ticket is valid. */
const TICKET_MS = 10_000;
/** Maximum length of the parameters of one stream as JSON. */
const MAX_PARAMETER_CHARACTERS = 64 * 1024;

export interface StreamRequest {
  /** Selects the guest's handler. */
  readonly kind: string;
  /** Parameters of that kind, sent as JSON. */
  readonly parameters: unknown;
  /** Maximum unread bytes in all processes on the way together. Default 1 MiB. */
  readonly window?: number;
  /** Whose budget counts the stream. Undefined: none. */
  readonly payer?: Payer;
  /** Whether it can share a connection with other short streams of its session, which wait behind its bytes. */
  readonly isShort?: boolean;
}

/** The part of a session that a stream depends on. */
interface Target {
  readonly id: SessionId;
  readonly nodeId: NodeId | null;
  readonly generation: number;
}

export interface ByteStreamsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly budgets: Pick<Budgets, 'take'>;
  readonly metrics?: Metrics;
  /** Sends a frame on the node's control stream. Returns false without one. */
  send(nodeId: NodeId, frame: ControllerFrame): boolean;
}

/** A stream from ticket to end. */
interface Entry {
  readonly nodeId: NodeId;
  readonly sessionId: SessionId;
  readonly kind: string;
  readonly window: number;
  readonly release: Release;
  /** Called once: with the stream, or with the refusal. */
  readonly settle: (outcome: Outcome<ByteStream>) => void;
  /** Whether it is in a shared stream, and so without a call of its own. */
  readonly isChannel: boolean;
  ticket: string;
  stream: ByteStream | undefined;
}

/**
 * Byte streams to sessions. `start` sends a one-time ticket to the session's node, which returns it
 * on a separate call.
 * 1. A stream is `ticketed`, then `open`, then closed. Whatever closes it (reader, guest, lost
 *    node, suspended or deleted session, shutdown) closes it once, and both ends get the reason.
 * 2. A ticket is valid for ten seconds, once, and only for the node that it was sent to.
 * 3. A short stream is a channel of the session's shared stream if that is open: it needs no ticket,
 *    counts like any other, and closes with the shared one.
 */
export class ByteStreams {
  /** Streams that nodes open on their own. */
  readonly offered: OfferedStreams;
  readonly #deps: ByteStreamsDeps;
  readonly #tickets: Tickets<Entry>;
  readonly #shared: SharedStreams;
  readonly #entries = new Set<Entry>();
  readonly #ofSession = new Map<SessionId, Set<Entry>>();
  readonly #ofNode = new NodeCounts();
  readonly #ends: Counter<'kind' | 'end'>;
  readonly #refusedTickets: Counter;
  #isClosing = false;

  constructor(deps: ByteStreamsDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    this.#tickets = new Tickets(deps.random);
    this.offered = new OfferedStreams(deps.random);
    this.#shared = new SharedStreams({ clock: deps.clock, open: (session, request) => this.start(session, request) });
    metrics.gauge({ name: 'byte_streams_open', help: 'Open and opening byte streams.', read: () => this.#entries.size });
    this.#ends = metrics.counter({
      name: 'streams_ended_total',
      help: 'Ended byte streams, by kind and outcome: closed, cancelled, refused, or the reason.',
      labels: ['kind', 'end'],
    });
    this.#refusedTickets = metrics.counter({
      name: 'stream_tickets_refused_total',
      help: 'Stream calls of nodes with an unknown, expired, used or foreign ticket.',
    });
  }

  /** Number of open and opening streams. */
  get open(): number {
    return this.#entries.size;
  }

  /** Number of streams to one node that have calls of their own. */
  openTo(nodeId: NodeId): number {
    return this.#ofNode.calls(nodeId) + this.offered.openTo(nodeId);
  }

  /**
   * Resolves when the session's guest has connected. Aborting the signal revokes the ticket;
   * afterwards, `destroy` ends the stream.
   */
  async start(session: Target, request: StreamRequest, signal?: AbortSignal): Promise<Outcome<ByteStream>> {
    const { nodeId, id: sessionId, generation } = session;
    if (this.#isClosing) return refusalOf('controller_lost');
    if (nodeId === null) return refusalOf('session_ended');
    const { kind, window = DEFAULT_WINDOW_BYTES, payer } = request;
    const full = this.#fullOf(nodeId, sessionId, kind);
    if (full !== undefined) return tooMany(full);
    const parametersJson = JSON.stringify(request.parameters);
    if (parametersJson.length > MAX_PARAMETER_CHARACTERS)
      return refused('PAYLOAD_TOO_LARGE', 'The parameters of the byte stream are too long. Shorten them, then retry.');
    const place = payer === undefined ? accepted(() => undefined) : this.#deps.budgets.take('byte_streams', payer);
    if (!place.ok) return place;
    const isDone = signal?.aborted === true;
    const channel = request.isShort === true && !isDone ? this.#shared.start(session, { kind, parametersJson }, window) : undefined;
    if (channel !== undefined) return accepted(this.#joined({ nodeId, sessionId, kind, window, release: place.value }, channel));
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<ByteStream>) => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        resolve(outcome);
      };
      // Little passes through a shared stream, and it stays open in between.
      const streamEnded = kind === SHARED ? () => undefined : streamOpened();
      const release = () => {
        streamEnded();
        place.value();
      };
      const entry: Entry = { nodeId, sessionId, kind, window, release, settle, isChannel: false, ticket: '', stream: undefined };
      const abort = () => this.#refuse(entry, 'cancelled');
      const timer = this.#deps.clock.after(TICKET_MS, () => this.#refuse(entry, 'expired'));
      signal?.addEventListener('abort', abort);
      entry.ticket = this.#tickets.issue(entry);
      this.#add(entry);
      if (signal?.aborted === true) return abort();
      const value = { sessionId, generation, ticket: entry.ticket, kind, parametersJson, credit: window };
      if (!this.#deps.send(nodeId, { kind: 'openStream', value })) this.#refuse(entry, 'node_lost');
    });
  }

  /** Accepts a call of an authenticated node. Its first frame must be a ticket. */
  accept(nodeId: NodeId, link: StreamLink): void {
    const timer = this.#deps.clock.after(TICKET_MS, () => link.close(new Error('the node sent no ticket in time')));
    link.onClose(() => timer.cancel());
    link.onMessage((frame) => {
      timer.cancel();
      if (frame.kind === 'open' && this.offered.accept(nodeId, frame.ticket, link)) return;
      const entry = frame.kind === 'open' ? this.#tickets.redeem(frame.ticket, nodeId) : undefined;
      if (entry === undefined) {
        this.#refusedTickets.add();
        link.send({ kind: 'reset', reason: 'expired', message: '' });
        return link.close();
      }
      const { window } = entry;
      const stream = new ByteStream(link, { window, granted: window, lost: 'node_lost' });
      this.#opened(entry, stream);
      entry.settle(accepted(stream));
    });
  }

  /** The node or the guest refused the stream. Returns false for an unknown ticket. */
  refused(
    nodeId: NodeId,
    { ticket, reason, message }: { readonly ticket: string; readonly reason: string; readonly message: string },
  ): boolean {
    const entry = this.#tickets.redeem(ticket, nodeId);
    if (entry === undefined) return false;
    this.#refuse(entry, isStreamReason(reason) ? reason : 'failed', message);
    return true;
  }

  /** Ends the streams of sessions that were suspended, moved or deleted. */
  committed({ mutations }: Pick<Committed, 'mutations'>): void {
    if (this.#ofSession.size === 0) return;
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'sessions') {
        const { id, nodeId, desired } = mutation.row;
        const isUp = desired === 'running' || desired === 'paused';
        for (const entry of [...(this.#ofSession.get(id) ?? [])]) if (!isUp || entry.nodeId !== nodeId) this.#end(entry, 'session_ended');
      } else if (mutation.kind === 'remove' && mutation.table === 'sessions')
        for (const entry of [...(this.#ofSession.get(mutation.id as SessionId) ?? [])]) this.#end(entry, 'session_ended');
    }
  }

  /**
   * The node's control stream has ended: it redeems no more tickets, and another node can connect
   * under its id.
   */
  nodeGone(nodeId: NodeId): void {
    for (const entry of [...this.#entries]) if (entry.nodeId === nodeId && entry.stream === undefined) this.#refuse(entry, 'node_lost');
  }

  /** The node is no longer allowed streams. */
  nodeRevoked(nodeId: NodeId): void {
    for (const entry of [...this.#entries]) if (entry.nodeId === nodeId) this.#end(entry, 'node_lost');
  }

  close(): void {
    this.#isClosing = true;
    this.offered.close();
    this.#shared.close();
    for (const entry of [...this.#entries]) this.#end(entry, 'controller_lost');
  }

  /** Returns what has no room for one more. A shared stream takes no place from those that clients asked for. */
  #fullOf(nodeId: NodeId, sessionId: SessionId, kind: string): 'session' | 'node' | undefined {
    if (kind === SHARED) return this.#ofNode.shared(nodeId) < MAX_SHARED_STREAMS ? undefined : 'node';
    let ofSession = 0;
    for (const entry of this.#ofSession.get(sessionId) ?? []) if (entry.kind !== SHARED) ofSession += 1;
    if (ofSession >= MAX_BYTE_STREAMS.ofSession) return 'session';
    return this.#ofNode.requested(nodeId) < MAX_BYTE_STREAMS.ofNode ? undefined : 'node';
  }

  /** Returns a stream over a channel of the session's shared one. */
  #joined(of: Pick<Entry, 'nodeId' | 'sessionId' | 'kind' | 'window' | 'release'>, link: StreamLink): ByteStream {
    const entry: Entry = { ...of, settle: () => undefined, isChannel: true, ticket: '', stream: undefined };
    this.#add(entry);
    const { window } = of;
    const stream = new ByteStream(link, { credit: SHARED_CREDIT_BYTES, window, granted: window, lost: 'node_lost' });
    this.#opened(entry, stream);
    return stream;
  }

  #opened(entry: Entry, stream: ByteStream): void {
    entry.stream = stream;
    let end: string = 'closed';
    stream.on('error', (error) => {
      end = error instanceof StreamError ? error.reason : 'failed';
    });
    stream.once('close', () => this.#forget(entry, end === 'closed' && !stream.isComplete ? 'cancelled' : end));
  }

  #add(entry: Entry): void {
    const { sessionId } = entry;
    this.#entries.add(entry);
    const those = this.#ofSession.get(sessionId) ?? new Set();
    this.#ofSession.set(sessionId, those.add(entry));
    this.#ofNode.add(entry, 1);
  }

  #end(entry: Entry, reason: StreamReason): void {
    if (entry.stream === undefined) this.#refuse(entry, reason);
    else entry.stream.destroy(new StreamError(reason));
  }

  #refuse(entry: Entry, reason: StreamReason, message?: string): void {
    if (entry.stream !== undefined || !this.#entries.has(entry)) return;
    this.#forget(entry, reason);
    entry.settle(refusalOf(reason, message));
  }

  #forget(entry: Entry, end: string): void {
    if (!this.#entries.delete(entry)) return;
    const { sessionId, kind } = entry;
    this.#tickets.revoke(entry.ticket);
    const those = this.#ofSession.get(sessionId);
    those?.delete(entry);
    if (those?.size === 0) this.#ofSession.delete(sessionId);
    this.#ofNode.add(entry, -1);
    entry.release();
    this.#ends.add(1, { kind, end });
  }
}
