import type { Readable } from 'node:stream';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import { execHead, MAX_EXEC_FRAME_BYTES } from '../../proto/streams/exec-stream.ts';
import { MAX_DATA_BYTES } from '../../proto/streams/stream-frame.ts';
import type { Clock } from '../../seams/clock.ts';
import { drained } from '../../seams/drained.ts';

/**
 * Sends a command's output as frames of the stream. What can be read in one turn leaves in one
 * write, and so in one frame of the stream: it costs every process on the way as much as a small
 * one. Nothing is read while the stream takes no more.
 */
export class OutputFrames {
  /** When output was last read, by the monotonic clock. */
  heardAtMs = 0;
  readonly #stream: ByteStream;
  readonly #from: readonly Readable[];
  readonly #clock: Clock;
  #parts: Buffer[] = [];
  #bytes = 0;
  #isHeld = false;

  constructor(stream: ByteStream, from: readonly Readable[], clock: Clock) {
    this.#stream = stream;
    this.#from = from;
    this.#clock = clock;
  }

  /** Whether output waits for the reader of the stream. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Resolves at the end of `from`, or once it is destroyed. */
  pass(kind: 'stdout' | 'stderr', from: Readable): Promise<void> {
    from.on('data', (chunk: Buffer) => {
      this.heardAtMs = this.#clock.monotonic();
      for (let at = 0; at < chunk.byteLength; at += MAX_EXEC_FRAME_BYTES) this.#add(kind, chunk.subarray(at, at + MAX_EXEC_FRAME_BYTES));
    });
    return new Promise((resolve) => {
      from.once('end', resolve);
      from.once('close', resolve);
      // It was destroyed, and closes.
      from.once('error', () => undefined);
    });
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#bytes === 0 || this.#stream.destroyed) return;
    const bytes = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    if (this.#stream.write(bytes) || this.#isHeld) return;
    this.#isHeld = true;
    for (const from of this.#from) from.pause();
    void drained(this.#stream).then(() => {
      this.#isHeld = false;
      for (const from of this.#from) from.resume();
    });
  }

  #add(kind: 'stdout' | 'stderr', bytes: Buffer): void {
    if (this.#stream.destroyed) return;
    const head = execHead(kind, bytes.byteLength);
    if (this.#bytes + head.byteLength + bytes.byteLength > MAX_DATA_BYTES) this.flush();
    if (this.#bytes === 0) this.#clock.soon(() => this.flush());
    this.#parts.push(head, bytes);
    this.#bytes += head.byteLength + bytes.byteLength;
  }
}
