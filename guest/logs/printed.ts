import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { RunOutput } from '../runs/worker-host.ts';
import { MAX_LINE_CHARACTERS } from './line-store.ts';

export type StreamName = 'STDOUT' | 'STDERR';

/** Of one run and stream. Further output is read and dropped. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * Reads one output stream of a worker: into the log file of its current or last run, and line by
 * line to the run's output. A slow disk slows the agent's printing; a full disk loses it.
 */
export class Printed {
  readonly #source: Readable;
  readonly #stream: StreamName;
  readonly #decoder = new StringDecoder('utf8');
  #path: string | undefined;
  #output: RunOutput | undefined;
  #file: WriteStream | undefined;
  #fileBytes = 0;
  #partial = '';
  #cutting = false;
  /** The last line that is not blank. */
  lastLine = '';

  constructor(source: Readable, stream: StreamName) {
    this.#source = source;
    this.#stream = stream;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('error', () => undefined);
  }

  /**
   * From now on all output belongs to this run. The file is created when there is something to
   * write.
   */
  begin(path: string, output: RunOutput): void {
    this.end();
    this.#path = path;
    this.#output = output;
    this.lastLine = '';
  }

  /** Adds a line of the guest to the output. */
  note(line: string): void {
    this.#take(Buffer.from(`${line}\n`));
  }

  /** Ends the run's output, whose last line can lack its end. */
  end(): void {
    this.#lines(`${this.#decoder.end()}${this.#partial === '' ? '' : '\n'}`);
    this.#file?.end();
    this.#file = undefined;
    this.#fileBytes = 0;
    this.#path = undefined;
    this.#output = undefined;
  }

  #take(chunk: Buffer): void {
    this.#write(chunk);
    this.#lines(this.#decoder.write(chunk));
  }

  #write(chunk: Buffer): void {
    if (this.#path === undefined || this.#fileBytes >= MAX_FILE_BYTES) return;
    const bytes = chunk.subarray(0, MAX_FILE_BYTES - this.#fileBytes);
    this.#fileBytes += bytes.byteLength;
    const file = this.#file ?? this.#openFile(this.#path);
    if (file.destroyed || file.write(bytes)) return;
    this.#source.pause();
    file.once('drain', () => this.#source.resume());
  }

  #openFile(path: string): WriteStream {
    const file = createWriteStream(path, { flags: 'a', mode: 0o644 });
    file.on('error', () => this.#source.resume());
    this.#file = file;
    return file;
  }

  #lines(text: string): void {
    const pieces = text.split('\n');
    for (const [index, piece] of pieces.entries()) {
      if (!this.#cutting) this.#partial += piece;
      if (this.#partial.length > MAX_LINE_CHARACTERS) {
        this.#partial = this.#partial.slice(0, MAX_LINE_CHARACTERS);
        this.#cutting = true;
      }
      if (index === pieces.length - 1) return;
      const line = this.#partial.endsWith('\r') ? this.#partial.slice(0, -1) : this.#partial;
      this.#partial = '';
      this.#cutting = false;
      if (line.trim() !== '') this.lastLine = line;
      this.#output?.line(this.#stream, line);
    }
  }
}
