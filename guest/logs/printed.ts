import { createWriteStream, renameSync, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { RunOutput } from '../runs/worker-host.ts';
import { MAX_LINE_CHARACTERS } from './line-store.ts';
import { type LogFile, MAX_FILE_BYTES, olderOf } from './log-files.ts';

export type StreamName = 'STDOUT' | 'STDERR';

/**
 * Reads one output stream of a worker: into the log file of its current or last run, and line by
 * line to the run's output. A slow disk slows the agent's printing; a full disk loses it.
 */
export class Printed {
  readonly #source: Readable;
  readonly #stream: StreamName;
  readonly #decoder = new StringDecoder('utf8');
  #log: LogFile | undefined;
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
  begin(log: LogFile, output: RunOutput): void {
    this.end();
    this.#log = log;
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
    this.#log = undefined;
    this.#output = undefined;
  }

  #take(chunk: Buffer): void {
    this.#write(chunk);
    this.#lines(this.#decoder.write(chunk));
  }

  #write(bytes: Buffer): void {
    const log = this.#log;
    if (log === undefined) return;
    if (this.#fileBytes >= MAX_FILE_BYTES) this.#rotate(log.path);
    this.#fileBytes += bytes.byteLength;
    const file = this.#file ?? this.#openFile(log.path);
    if (file.destroyed) return;
    log.added(bytes.byteLength);
    if (file.write(bytes)) return;
    this.#source.pause();
    file.once('drain', () => this.#source.resume());
  }

  /** The newest output of a long run is worth more than its oldest. */
  #rotate(path: string): void {
    this.#file?.end();
    this.#file = undefined;
    this.#fileBytes = 0;
    try {
      renameSync(path, olderOf(path));
    } catch {
      // The file is missing: it was trimmed, or the disk is full.
    }
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
