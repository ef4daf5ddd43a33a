import { once } from 'node:events';
import { type Duplex, PassThrough } from 'node:stream';

const HEADER_BYTES = 8;
const STDOUT = 1;
/** Output that is kept to explain a failure. */
const KEPT_BYTES = 16 * 1024;

/**
 * The output of a container's program. Standard error is drained into its last part. Standard
 * output waits for its reader, and with it the program. See "Stream format" in Docker's API.
 */
export class Attached {
  /** Standard output. */
  readonly output = new PassThrough();
  /** Resolves with true at the first output, with false at an end without any. */
  readonly began: Promise<boolean>;
  /** Resolves when all output was passed on. */
  readonly over: Promise<void>;
  readonly #stream: Duplex;
  readonly #begin: (isOutput: boolean) => void;
  readonly #print: ((output: Uint8Array) => void) | undefined;
  #kept = Buffer.alloc(0);

  constructor(stream: Duplex, print?: (output: Uint8Array) => void) {
    this.#stream = stream;
    this.#print = print;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.began = promise;
    this.#begin = resolve;
    this.output.on('error', () => undefined);
    // An interrupted stream ends like a complete one: the exit code tells.
    this.over = this.#pass()
      .catch(() => undefined)
      .finally(() => {
        this.#begin(false);
        this.output.end();
      });
  }

  /** The last part of standard error. */
  get lastText(): string {
    return this.#kept.toString('utf8');
  }

  close(): void {
    this.#stream.destroy();
    this.output.destroy();
  }

  async #pass(): Promise<void> {
    let pending = Buffer.alloc(0);
    for await (const chunk of this.#stream) {
      pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
      while (pending.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + pending.readUInt32BE(4);
        if (pending.length < end) break;
        await this.#take(pending[0] === STDOUT, pending.subarray(HEADER_BYTES, end));
        pending = pending.subarray(end);
      }
    }
  }

  async #take(isOutput: boolean, data: Buffer): Promise<void> {
    if (!isOutput) {
      this.#print?.(data);
      this.#kept = Buffer.concat([this.#kept, data]).subarray(-KEPT_BYTES);
      return;
    }
    this.#begin(true);
    if (this.output.destroyed || this.output.write(data)) return;
    const waiting = new AbortController();
    const options = { signal: waiting.signal };
    await Promise.race([once(this.output, 'drain', options), once(this.output, 'close', options)]);
    waiting.abort();
  }
}
