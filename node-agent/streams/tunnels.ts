import type { OpenStream__Output as OpenStream } from '../../proto/generated/raworc/v0/OpenStream.ts';
import type { StreamRefused__Output as StreamRefused } from '../../proto/generated/raworc/v0/StreamRefused.ts';
import { Passage } from '../../proto/streams/passage.ts';
import { STREAM_REASONS, type StreamReason } from '../../proto/streams/reasons.ts';
import { SHARED } from '../../proto/streams/shared-stream.ts';
import type { StreamLink } from '../../proto/streams/stream-frame.ts';
import { MAX_CREDIT_BYTES } from '../../proto/streams/stream-state.ts';
import type { Clock, Timer } from '../../seams/clock.ts';
import { streamOpened } from '../../seams/garbage.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';

/** Maximum number of open and opening streams. */
export const MAX_STREAMS = { ofSession: 64, ofNode: 512 } as const;
/** Within this time the guest must present the ticket and the controller must accept the call. */
const OPEN_WITHIN_MS = 10_000;

export interface TunnelDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Opens a separate call to the controller. */
  dial(signal: AbortSignal): Promise<StreamLink>;
  /** Sends the request to the session's guest. Returns false if it is absent or does not read. */
  announce(open: OpenStream): boolean;
  refuse(refusal: StreamRefused): void;
}

interface Tunnel {
  readonly sessionId: string;
  readonly open: OpenStream;
  readonly dialling: AbortController;
  /** The call to the controller, begun while the guest connects. */
  controller: Promise<StreamLink> | undefined;
  readonly streamEnded: () => void;
  timer: Timer | undefined;
  guest: StreamLink | undefined;
  passage: Passage | undefined;
}

/**
 * Byte streams between the sessions of this node and the controller, from ticket to end.
 *
 * A stream is `waiting` until the guest presents the ticket, then `dialling` the controller, which
 * began with the request, then `open`. The controller gets its ticket only then. A failure before that is reported once to the controller, and to a guest that has
 * connected. If the session ends or a link is lost, the stream ends on both sides.
 */
export class Tunnels {
  readonly #deps: TunnelDeps;
  /** By ticket, until the guest presents it. */
  readonly #waiting = new Map<string, Tunnel>();
  readonly #tunnels = new Set<Tunnel>();
  readonly #bySession = new Map<string, number>();
  readonly #ends: Counter<'end'>;
  readonly #bytes: Counter<'from'>;

  constructor(deps: TunnelDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    metrics.gauge({ name: 'streams_open', help: 'Open and opening byte streams.', read: () => this.#tunnels.size });
    this.#ends = metrics.counter({
      name: 'streams_ended_total',
      help: 'Ended byte streams, by outcome: closed, reset by one end, refused, or the reason.',
      labels: ['end'],
    });
    this.#bytes = metrics.counter({ name: 'stream_bytes_total', help: 'Bytes carried by byte streams.', labels: ['from'] });
  }

  get open(): number {
    return this.#tunnels.size;
  }

  /** Opens a stream to a session of this node, as the controller requested. */
  start(open: OpenStream): void {
    const { clock } = this.#deps;
    const { sessionId, ticket } = open;
    if (this.#waiting.has(ticket)) return; // a repeated request
    const ofSession = this.#bySession.get(sessionId) ?? 0;
    if (ofSession >= MAX_STREAMS.ofSession || this.#tunnels.size >= MAX_STREAMS.ofNode) return this.#refuse(open, 'too_many');
    if (open.credit > MAX_CREDIT_BYTES) return this.#refuse(open, 'protocol');
    const tunnel: Tunnel = {
      ...{ sessionId, open, dialling: new AbortController(), streamEnded: open.kind === SHARED ? () => undefined : streamOpened() },
      ...{ controller: undefined, timer: undefined, guest: undefined, passage: undefined },
    };
    this.#tunnels.add(tunnel);
    this.#bySession.set(sessionId, ofSession + 1);
    this.#waiting.set(ticket, tunnel);
    tunnel.timer = clock.after(OPEN_WITHIN_MS, () => this.#giveUp(tunnel, 'expired'));
    if (!this.#deps.announce(open)) return this.#giveUp(tunnel, 'guest_lost');
    tunnel.controller = this.#deps.dial(tunnel.dialling.signal);
    const lost = () => {
      if (tunnel.passage === undefined) this.#giveUp(tunnel, 'controller_lost');
    };
    tunnel.controller.then((link) => link.onClose(lost), lost);
  }

  /** Accepts a guest's connection for a byte stream. Its first frame must be a ticket. */
  guest(sessionId: string, link: StreamLink): void {
    const { clock } = this.#deps;
    const timer = clock.after(OPEN_WITHIN_MS, () => link.close(new Error('the guest sent no ticket in time')));
    link.onClose(() => timer.cancel());
    link.onMessage((frame) => {
      timer.cancel();
      const tunnel = frame.kind === 'open' ? this.#waiting.get(frame.ticket) : undefined;
      if (tunnel?.sessionId !== sessionId) {
        link.send({ kind: 'reset', reason: 'expired', message: '' });
        return link.close();
      }
      this.#waiting.delete(tunnel.open.ticket);
      this.#connect(tunnel, link).catch((error: unknown) => {
        this.#deps.log.info('stream.not_opened', { session: sessionId, error: messageOf(error) });
        this.#giveUp(tunnel, 'controller_lost');
      });
    });
  }

  /** The session's guest refused the stream. */
  refused(sessionId: string, { ticket, reason, message }: StreamRefused): void {
    const tunnel = this.#waiting.get(ticket);
    if (tunnel?.sessionId !== sessionId) return;
    this.#deps.refuse({ sessionId, ticket, reason, message });
    this.#forget(tunnel, 'refused');
  }

  /** Ends all streams to a session. */
  endOf(sessionId: string, reason: StreamReason): void {
    if (!this.#bySession.has(sessionId)) return;
    for (const tunnel of [...this.#tunnels]) if (tunnel.sessionId === sessionId) this.#giveUp(tunnel, reason);
  }

  close(): void {
    for (const tunnel of [...this.#tunnels]) this.#giveUp(tunnel, 'node_lost');
  }

  async #connect(tunnel: Tunnel, guest: StreamLink): Promise<void> {
    tunnel.guest = guest;
    // The guest's bytes wait in its connection until the controller can take them.
    guest.pause();
    guest.onClose(() => this.#giveUp(tunnel, 'guest_lost'));
    const controller = await (tunnel.controller ?? this.#deps.dial(tunnel.dialling.signal));
    if (!this.#tunnels.has(tunnel)) return controller.close(new Error('the stream was cancelled'));
    tunnel.timer?.cancel();
    const { ticket, credit } = tunnel.open;
    controller.send({ kind: 'open', ticket });
    tunnel.passage = new Passage({
      ...{ guest, controller, credit },
      passed: (from, bytes) => this.#bytes.add(bytes, { from }),
      ended: (end) => this.#forget(tunnel, end),
    });
    guest.resume();
  }

  #giveUp(tunnel: Tunnel, reason: StreamReason): void {
    if (!this.#tunnels.has(tunnel)) return;
    if (tunnel.passage !== undefined) return tunnel.passage.end(reason);
    this.#forget(tunnel, reason);
    this.#refuse(tunnel.open, reason);
    tunnel.guest?.send({ kind: 'reset', reason, message: '' });
    tunnel.guest?.close();
  }

  #refuse({ sessionId, ticket }: OpenStream, reason: StreamReason): void {
    this.#deps.refuse({ sessionId, ticket, reason, message: STREAM_REASONS[reason] });
  }

  #forget(tunnel: Tunnel, end: string): void {
    if (!this.#tunnels.delete(tunnel)) return;
    tunnel.timer?.cancel();
    tunnel.streamEnded();
    tunnel.dialling.abort(new Error('the stream has ended'));
    this.#waiting.delete(tunnel.open.ticket);
    const left = (this.#bySession.get(tunnel.sessionId) ?? 1) - 1;
    if (left > 0) this.#bySession.set(tunnel.sessionId, left);
    else this.#bySession.delete(tunnel.sessionId);
    this.#ends.add(1, { end });
  }
}
