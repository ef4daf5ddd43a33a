import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../seams/clock.ts';
import { keepPiece } from '../seams/pieces.ts';
import type { Codec } from './codec.ts';
import type { Link } from './link.ts';
import { ProtocolError } from './protocol-error.ts';

const LENGTH_BYTES = 4;
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;
const QUEUE_BYTES = 8 * 1024 * 1024;
/** How long a peer that does not read can hold a closed link open. */
const FLUSH_MS = 1000;

export interface FramedLinkOptions<Out, In> {
  readonly encode: Codec<Out>;
  readonly decode: Codec<In>;
  readonly clock: Clock;
  /** Longer frames end the link, in either direction. Default 4 MiB. */
  readonly maxFrameBytes?: number;
  /** Most bytes that can wait to be written. Default 8 MiB. An empty queue accepts any frame. */
  readonly queueBytes?: number;
  /** How long `close` waits for the peer to read what was sent. Default 1 s. */
  readonly flushMs?: number;
}

/**
 * Returns a link over a byte stream: each frame is its length (u32, big-endian), then the frame.
 * See link.ts for the guarantees.
 */
export function framedLink<Out, In>(socket: Duplex, options: FramedLinkOptions<Out, In>): Link<Out, In> {
  return new FramedLink(socket, options);
}

class FramedLink<Out, In> implements Link<Out, In> {
  readonly #socket: Duplex;
  readonly #encode: Codec<Out>;
  readonly #decode: Codec<In>;
  readonly #clock: Clock;
  readonly #maxFrameBytes: number;
  readonly #queueBytes: number;
  readonly #flushMs: number;
  #chunks: Buffer[] = [];
  #held = 0;
  #paused = false;
  #refused = false;
  #corked = false;
  #ended = false;
  #heardEnd = false;
  #flush: Timer | undefined;
  #message: (frame: In, bytes?: number) => void = () => undefined;
  #drain: () => void = () => undefined;
  #close: (fault: Error | undefined) => void = () => undefined;

  constructor(socket: Duplex, options: FramedLinkOptions<Out, In>) {
    this.#socket = socket;
    this.#encode = options.encode;
    this.#decode = options.decode;
    this.#clock = options.clock;
    this.#maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES;
    this.#queueBytes = options.queueBytes ?? QUEUE_BYTES;
    this.#flushMs = options.flushMs ?? FLUSH_MS;
    socket.on('error', (fault) => this.close(fault));
    socket.on('end', () => {
      this.#heardEnd = true;
      this.#closeAtEnd();
    });
    socket.on('close', () => {
      this.#flush?.cancel();
      if (this.#heardEnd) this.#closeAtEnd();
      else this.close();
    });
    options.clock.soon(() => {
      socket.on('data', (chunk: Buffer) => {
        if (this.#ended) return;
        keepPiece(this.#chunks, chunk);
        this.#held += chunk.byteLength;
        this.#deliver();
      });
      if (this.#paused) socket.pause();
    });
  }

  send(frame: Out): boolean {
    if (this.#ended) return false;
    const pieces = this.#encode.pieces?.(frame) ?? [this.#encode.encode(frame)];
    const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    if (byteLength > this.#maxFrameBytes) {
      this.close(new ProtocolError(`a frame of ${byteLength} bytes exceeds the limit of ${this.#maxFrameBytes}`));
      return false;
    }
    const waiting = this.#socket.writableLength;
    if (waiting > 0 && waiting + LENGTH_BYTES + byteLength > this.#queueBytes) {
      this.#refused = true;
      return false;
    }
    // Frames sent in one turn leave in one system call.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(byteLength);
    this.#socket.write(length);
    for (const [at, piece] of pieces.entries()) {
      if (at < pieces.length - 1) this.#socket.write(piece);
      else this.#socket.write(piece, () => this.#written());
    }
    return true;
  }

  onMessage(listener: (frame: In, bytes?: number) => void): void {
    this.#message = listener;
  }
  onDrain(listener: () => void): void {
    this.#drain = listener;
  }
  onClose(listener: (fault: Error | undefined) => void): void {
    this.#close = listener;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    this.#clock.soon(() => {
      this.#deliver();
      if (this.#heardEnd) this.#closeAtEnd();
      if (!this.#paused) this.#socket.resume();
    });
  }

  close(fault?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#chunks = [];
    if (fault || this.#socket.destroyed) this.#socket.destroy();
    else {
      this.#socket.end();
      // Keep reading, so that the peer's end arrives and the socket closes.
      this.#socket.resume();
      this.#flush = this.#clock.after(this.#flushMs, () => this.#socket.destroy());
    }
    this.#clock.soon(() => this.#close(fault));
  }

  /** Delivers the frames that arrived while the receiver was paused, then closes. */
  #closeAtEnd(): void {
    this.#deliver();
    if (this.#paused && this.#held > 0) return;
    this.close(this.#held > 0 ? new ProtocolError('the stream ended inside a frame') : undefined);
  }

  #written(): void {
    if (!this.#refused || this.#ended || this.#socket.writableLength > this.#queueBytes / 2) return;
    this.#refused = false;
    this.#drain();
  }

  #deliver(): void {
    while (!this.#paused && !this.#ended && this.#held >= LENGTH_BYTES) {
      const length = this.#first(LENGTH_BYTES).readUInt32BE(0);
      if (length > this.#maxFrameBytes) {
        this.close(new ProtocolError(`a frame of ${length} bytes exceeds the limit of ${this.#maxFrameBytes}`));
        return;
      }
      if (this.#held < LENGTH_BYTES + length) return;
      const bytes = this.#first(LENGTH_BYTES + length);
      this.#drop(bytes.byteLength);
      let frame: In;
      try {
        frame = this.#decode.decode(bytes.subarray(LENGTH_BYTES));
      } catch (fault) {
        this.close(fault instanceof Error ? fault : new ProtocolError(String(fault)));
        return;
      }
      try {
        this.#message(frame, length);
      } catch (fault) {
        // A listener that throws on one frame ends this link, not the process.
        this.close(fault instanceof Error ? fault : new Error(String(fault)));
        return;
      }
    }
  }

  /** Returns the first `length` buffered bytes, which are copied only if they came in several chunks. */
  #first(length: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    if (first.byteLength >= length) return first.subarray(0, length);
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    for (const chunk of this.#chunks) {
      at += chunk.copy(bytes, at, 0, length - at);
      if (at === length) break;
    }
    return bytes;
  }

  #drop(length: number): void {
    this.#held -= length;
    let left = length;
    let gone = 0;
    for (const chunk of this.#chunks) {
      if (chunk.byteLength > left) {
        if (left > 0) this.#chunks[gone] = chunk.subarray(left);
        break;
      }
      left -= chunk.byteLength;
      gone += 1;
    }
    if (gone > 0) this.#chunks.splice(0, gone);
  }
}
