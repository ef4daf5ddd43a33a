import { type ClientDuplexStream, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../seams/clock.ts';
import type { Codec } from './codec.ts';
import type { Link } from './link.ts';
import { MAX_MESSAGE_BYTES } from './node-service.ts';

/**
 * Bounds of the outbound queue; beyond them `send` returns false. An empty queue accepts a frame of
 * any size.
 */
export interface OutboundBound {
  readonly bytes: number;
  readonly frames: number;
}
export const defaultOutboundBound: OutboundBound = { bytes: 4 * 1024 * 1024, frames: 8192 };

/** How long a closed link waits for its flush and for the peer to close, before it is cut off. */
const LINGER_MS = 5_000;

export interface GrpcLinkOptions<Out, In> {
  readonly outgoing: Codec<Out>;
  readonly incoming: Codec<In>;
  readonly clock: Clock;
  readonly bound?: OutboundBound;
  /** Default 5 s. */
  readonly lingerMs?: number;
}

type ByteStream = ClientDuplexStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** The part that differs between the two ends of a call. */
interface Side {
  readonly stream: ByteStream;
  /** Ends the call and reports the fault to the peer. */
  fail(fault: Error): void;
  /** Ends the call at once, regardless of the peer. */
  cutOff(): void;
}

/** The dialling end. `close` with a fault cancels the call and drops queued frames. */
export function clientLink<Out, In>(stream: ClientDuplexStream<Buffer, Buffer>, options: GrpcLinkOptions<Out, In>): Link<Out, In> {
  return new GrpcLink({ stream, fail: () => stream.cancel(), cutOff: () => stream.cancel() }, options);
}

/**
 * The answering end. `close` with a fault sends the queued frames, then ABORTED with the fault's
 * message. `cutOff` ends the connection below the stream: gRPC has no other way to leave a peer
 * that does not read.
 */
export function serverLink<Out, In>(
  stream: ServerDuplexStream<Buffer, Buffer>,
  cutOff: () => void,
  options: GrpcLinkOptions<Out, In>,
): Link<Out, In> {
  const fail = (fault: Error) => {
    stream.emit('error', { code: status.ABORTED, details: fault.message });
  };
  return new GrpcLink({ stream, fail, cutOff }, options);
}

class GrpcLink<Out, In> implements Link<Out, In> {
  readonly #side: Side;
  readonly #outgoing: Codec<Out>;
  readonly #incoming: Codec<In>;
  readonly #clock: Clock;
  readonly #bound: OutboundBound;
  readonly #lingerMs: number;
  readonly #drainListeners: (() => void)[] = [];
  readonly #closeListeners: ((fault: Error | undefined) => void)[] = [];
  #messageListener: ((frame: In, bytes?: number) => void) | undefined;
  #queuedBytes = 0;
  #queuedFrames = 0;
  #refused = false;
  /** Whether a sender waits for room. */
  #awaited = false;
  #paused = false;
  #flowing = false;
  #closed = false;
  #over = false;
  #fault: Error | undefined;
  #linger: Timer | undefined;

  constructor(side: Side, options: GrpcLinkOptions<Out, In>) {
    this.#side = side;
    this.#outgoing = options.outgoing;
    this.#incoming = options.incoming;
    this.#clock = options.clock;
    this.#bound = options.bound ?? defaultOutboundBound;
    this.#lingerMs = options.lingerMs ?? LINGER_MS;
    // The first of these ends the link. Keep the 'error' listener: a cancelled call always emits
    // one.
    side.stream.on('error', (fault: Error) => this.#ended(fault));
    side.stream.on('cancelled', () => this.#gone(new Error('the connection was lost')));
    side.stream.on('status', () => this.#gone(undefined));
    // A broken connection can look like an orderly end until 'cancelled' follows in the same turn.
    side.stream.on('end', () => this.#clock.soon(() => this.#ended(undefined)));
  }

  send(frame: Out): boolean {
    if (this.#closed) return false;
    let bytes: Buffer;
    try {
      bytes = this.#outgoing.encode(frame);
    } catch (error) {
      this.close(new Error('a frame could not be encoded', { cause: error }));
      return false;
    }
    if (bytes.byteLength > MAX_MESSAGE_BYTES) {
      this.close(new Error(`a frame of ${bytes.byteLength} bytes exceeds the limit of the protocol`));
      return false;
    }
    const full = this.#queuedFrames >= this.#bound.frames || this.#queuedBytes + bytes.byteLength > this.#bound.bytes;
    // After one refusal, refuse everything until the drain: small frames must not starve a large
    // one.
    if (this.#refused || (full && this.#queuedFrames > 0)) {
      this.#refused = true;
      return false;
    }
    this.#queuedFrames += 1;
    this.#queuedBytes += bytes.byteLength;
    // write()'s return value counts messages and is only advisory. The callback comes when flow
    // control releases the bytes.
    this.#side.stream.write(bytes, () => this.#sent(bytes.byteLength));
    return true;
  }

  hasRoom(): boolean {
    if (this.#queuedBytes < this.#bound.bytes / 4) return true;
    this.#awaited = true;
    return false;
  }

  onMessage(listener: (frame: In, bytes?: number) => void): void {
    const first = this.#messageListener === undefined;
    this.#messageListener = listener;
    if (first) this.#clock.soon(() => this.#read());
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener);
  }

  onClose(listener: (fault: Error | undefined) => void): void {
    if (this.#closed) this.#clock.soon(() => listener(this.#fault));
    else this.#closeListeners.push(listener);
  }

  close(fault?: Error): void {
    if (this.#closed) return;
    this.#finish(fault);
    if (fault === undefined) this.#side.stream.end();
    else this.#side.fail(fault);
  }

  pause(): void {
    this.#paused = true;
    if (this.#flowing && !this.#closed) this.#side.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#flowing) this.#side.stream.resume();
  }

  #read(): void {
    if (this.#closed || this.#flowing) return;
    this.#flowing = true;
    this.#side.stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    if (this.#paused) this.#side.stream.pause();
  }

  #receive(bytes: Buffer): void {
    if (this.#closed) return;
    try {
      this.#messageListener?.(this.#incoming.decode(bytes), bytes.byteLength);
    } catch (error) {
      // After bytes that do not decode, or a listener that throws, the rest of the stream cannot be
      // trusted.
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #sent(byteLength: number): void {
    this.#queuedFrames -= 1;
    this.#queuedBytes -= byteLength;
    if (this.#closed) return;
    const isDrained = this.#refused && this.#queuedBytes <= this.#bound.bytes / 2 && this.#queuedFrames <= this.#bound.frames / 2;
    const hasRoom = this.#awaited && !this.#refused && this.#queuedBytes < this.#bound.bytes / 4;
    if (!isDrained && !hasRoom) return;
    this.#refused = false;
    this.#awaited = false;
    for (const listener of this.#drainListeners) listener();
  }

  /** The peer has ended its half, or the call has failed. */
  #ended(fault: Error | undefined): void {
    if (this.#closed) return;
    this.#finish(fault);
    this.#side.stream.end();
  }

  /** The call is over on both sides, so nothing remains to cut off. */
  #gone(fault: Error | undefined): void {
    this.#over = true;
    this.#linger?.cancel();
    // A call that ended cleanly can still have frames to read: 'end' comes after them.
    if (fault !== undefined) this.#finish(fault);
  }

  #finish(fault: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fault = fault;
    if (!this.#over) this.#linger = this.#clock.after(this.#lingerMs, () => this.#side.cutOff());
    // Read and drop what still arrives, so that the stream reaches its end.
    this.#side.stream.resume();
    this.#clock.soon(() => {
      for (const listener of this.#closeListeners) listener(fault);
    });
  }
}
