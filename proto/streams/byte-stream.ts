import { Duplex } from 'node:stream';
import { keepPiece } from '../../seams/pieces.ts';
import { StreamError, type StreamReason } from './reasons.ts';
import { MAX_DATA_BYTES, type StreamLink } from './stream-frame.ts';
import { StreamState } from './stream-state.ts';

/** Unread bytes that one end keeps in memory by default. */
export const DEFAULT_WINDOW_BYTES = 1024 * 1024;
/** Bytes in an end's own write buffer. */
const WRITE_BUFFER_BYTES = 256 * 1024;

export interface ByteStreamOptions {
  /** Bytes that the peer granted when it opened the stream. */
  readonly credit?: number;
  /** Maximum bytes from the peer that are in transit to this end or unread in it. */
  readonly window?: number;
  /** The part of the window that the peer was granted when the stream was opened. */
  readonly granted?: number;
  /** Why the stream ends when its link does. */
  readonly lost: StreamReason;
}

/**
 * One end of a byte stream, as a Duplex.
 *
 * 1. The peer sends at most this end's window beyond the bytes that were read here. The window
 *    therefore bounds the unread bytes in all processes on the way.
 * 2. `end()` closes one direction only. When both are closed, the link closes.
 * 3. `destroy()` before that resets the stream. The peer's end fails with the reason of the
 *    {@link StreamError}; without an error the reason is `cancelled`, with any other `failed`.
 * 4. This end fails with a {@link StreamError} if the peer resets the stream, violates the protocol
 *    or is lost.
 */
export class ByteStream extends Duplex {
  readonly #link: StreamLink;
  readonly #state: StreamState;
  readonly #lost: StreamReason;
  #unread: Buffer[] = [];
  #isReading = false;
  #writing: { rest: Buffer; readonly done: (error?: Error | null) => void } | undefined;
  #ending: ((error?: Error | null) => void) | undefined;
  #credits = 0;
  #linkClosed = false;

  constructor(link: StreamLink, { credit = 0, window = DEFAULT_WINDOW_BYTES, granted = 0, lost }: ByteStreamOptions) {
    super({ allowHalfOpen: true, readableHighWaterMark: 0, writableHighWaterMark: WRITE_BUFFER_BYTES, decodeStrings: true });
    this.#link = link;
    this.#lost = lost;
    this.#state = new StreamState({ credit, window, granted });
    link.onMessage((frame) => {
      const fault = this.#state.hear(frame);
      if (fault !== undefined) return this.#fail(new StreamError('protocol', `The other end sent ${fault}.`));
      if (this.destroyed) return;
      switch (frame.kind) {
        case 'data':
          keepPiece(this.#unread, frame.bytes);
          return this.#give();
        case 'end':
          return this.#give();
        case 'credit':
          return this.#send();
        case 'reset':
          return this.#fail(new StreamError(frame.reason, frame.message === '' ? undefined : frame.message));
        case 'open':
          return;
        default:
          frame satisfies never;
      }
    });
    link.onDrain(() => this.#send());
    link.onClose((fault) => {
      this.#linkClosed = true;
      if (this.#state.isOver) return;
      const how = fault === undefined ? undefined : new StreamError(this.#lost, `${new StreamError(this.#lost).message} ${fault.message}`);
      this.#fail(how ?? new StreamError(this.#lost));
    });
    this.#grant(this.#state.credits());
  }

  /** Whether both directions were closed, so that nothing was cut off. */
  get isComplete(): boolean {
    return this.#state.hasSentEnd && this.#state.hasHeardEnd;
  }

  /** Number of received bytes that were not read yet. */
  get unreadBytes(): number {
    return this.#unread.reduce((sum, { byteLength }) => sum + byteLength, this.readableLength);
  }

  override _read(): void {
    this.#isReading = true;
    this.#give();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writing = { rest: chunk, done };
    this.#send();
  }

  /** Sends what gathered meanwhile in as few frames as possible: each costs every process on the way. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#writing = { rest: Buffer.concat(chunks.map(({ chunk }) => chunk)), done };
    this.#send();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#ending = done;
    this.#send();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unread = [];
    if (this.#state.reset()) {
      const reason = error instanceof StreamError ? error : new StreamError(error === null ? 'cancelled' : 'failed', error?.message);
      if (!this.#linkClosed) this.#link.send({ kind: 'reset', reason: reason.reason, message: reason.message });
    }
    this.#link.close();
    this.#writing?.done(error);
    this.#ending?.(error);
    done(error);
  }

  #fail(error: StreamError): void {
    this.destroy(error);
  }

  /** Hands received bytes to the reader, and grants the peer the same number again. */
  #give(): void {
    while (this.#isReading) {
      const bytes = this.#unread.shift();
      if (bytes === undefined) break;
      this.#isReading = false;
      this.#grant(this.#state.consume(bytes.byteLength));
      // Calls `_read` again at once if there is a reader.
      this.push(bytes);
    }
    if (this.#unread.length === 0 && this.#state.hasHeardEnd && !this.readableEnded) this.push(null);
  }

  #grant(bytes: number): void {
    this.#credits += bytes;
    if (this.#credits > 0 && this.#link.send({ kind: 'credit', bytes: this.#credits })) this.#credits = 0;
  }

  /** Sends written bytes, as far as the credit and the link allow. */
  #send(): void {
    if (this.destroyed) return;
    if (this.#credits > 0) this.#grant(0);
    const writing = this.#writing;
    while (writing !== undefined && writing.rest.byteLength > 0) {
      const length = Math.min(writing.rest.byteLength, this.#state.credit, MAX_DATA_BYTES);
      if (length === 0) return;
      if (!this.#link.send({ kind: 'data', bytes: writing.rest.subarray(0, length) })) return;
      this.#state.send(length);
      writing.rest = writing.rest.subarray(length);
    }
    if (writing !== undefined) {
      this.#writing = undefined;
      writing.done();
    }
    if (this.#ending === undefined || this.#writing !== undefined || !this.#link.send({ kind: 'end' })) return;
    this.#state.end();
    const done = this.#ending;
    this.#ending = undefined;
    done();
  }
}
