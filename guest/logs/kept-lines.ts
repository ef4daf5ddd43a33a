import { createWriteStream, mkdirSync, readdirSync, renameSync, rmSync, statSync, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine__Output as LogLine } from '../../proto/generated/raworc/v0/LogLine.ts';
import type { Clock } from '../../seams/clock.ts';
import type { LineShelf } from './line-store.ts';

/** Of one file; an agent has two, the newer and the older. */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
/** Of one agent, on the way to the disk: past it lines are lost. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;
/** What one answer holds at most, so that it fits into a frame. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const RETRY_MS = 1000;

interface Shelf {
  readonly path: string;
  file: WriteStream | undefined;
  bytes: number;
  failedAtMs: number | undefined;
}

/**
 * Lines of all agents of a session, with their times and runs, as JSON below the guest's own directory, where no agent can write.
 * They stand beside the plain files in /session/logs, which an agent's author reads in the session. Of another session, as after
 * a copy of its volume, nothing is kept.
 */
export class KeptLines implements LineShelf {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #shelves = new Map<string, Shelf>();

  /** `directory` is the guest's own: /session/.raworc. */
  constructor(directory: string, sessionId: string, clock: Clock) {
    const all = join(directory, 'lines');
    this.#directory = join(all, sessionId);
    this.#clock = clock;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(all)) if (name !== sessionId) rmSync(join(all, name), { recursive: true, force: true });
  }

  keep(line: LogLine): void {
    const shelf = this.#shelf(line.agent);
    const text = `${JSON.stringify([line.runId, line.stream, line.atMs, line.line])}\n`;
    const file = this.#fileOf(shelf);
    if (file === undefined || file.writableLength > MAX_UNWRITTEN_BYTES) return;
    file.write(text);
    shelf.bytes += Buffer.byteLength(text);
  }

  async newest(agent: string, stream: LogLine['stream'], limit: number): Promise<readonly LogLine[]> {
    const shelf = this.#shelf(agent);
    await written(shelf.file);
    const lines: LogLine[] = [];
    let bytes = 0;
    for (const path of [shelf.path, older(shelf.path)]) {
      const text = await readFile(path, 'utf8').catch(() => '');
      for (const kept of text.split('\n').reverse()) {
        const line = kept === '' ? undefined : lineIn(kept, agent);
        if (line === undefined || (stream !== 'STREAM_UNSPECIFIED' && line.stream !== stream)) continue;
        bytes += kept.length * 3;
        if (lines.length >= limit || bytes > MAX_ANSWER_BYTES) return lines.reverse();
        lines.push(line);
      }
    }
    return lines.reverse();
  }

  #shelf(agent: string): Shelf {
    let shelf = this.#shelves.get(agent);
    if (shelf === undefined) {
      const path = join(this.#directory, `${agent}.jsonl`);
      shelf = { path, file: undefined, bytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0, failedAtMs: undefined };
      this.#shelves.set(agent, shelf);
    }
    return shelf;
  }

  /** Undefined while the disk takes nothing. */
  #fileOf(shelf: Shelf): WriteStream | undefined {
    if (shelf.file !== undefined && shelf.bytes < MAX_FILE_BYTES) return shelf.file;
    if (shelf.failedAtMs !== undefined && this.#clock.monotonic() - shelf.failedAtMs < RETRY_MS) return undefined;
    shelf.file?.end();
    try {
      if (shelf.bytes >= MAX_FILE_BYTES) renameSync(shelf.path, older(shelf.path));
    } catch {
      // It is not there: begun anew all the same.
    }
    const file = createWriteStream(shelf.path, { flags: 'a', mode: 0o600 });
    file.on('error', () => {
      if (shelf.file === file) shelf.file = undefined;
      shelf.failedAtMs = this.#clock.monotonic();
    });
    Object.assign(shelf, { file, bytes: statSync(shelf.path, { throwIfNoEntry: false })?.size ?? 0, failedAtMs: undefined });
    return file;
  }
}

const older = (path: string) => `${path}.old`;

function written(file: WriteStream | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (file === undefined || file.destroyed) resolve();
    else file.write('', () => resolve());
  });
}

/** A line that was cut off by a crash is none. */
function lineIn(text: string, agent: string): LogLine | undefined {
  try {
    const [runId, stream, atMs, line]: unknown[] = JSON.parse(text);
    if (typeof runId !== 'string' || typeof atMs !== 'number' || typeof line !== 'string') return undefined;
    if (stream !== 'STDOUT' && stream !== 'STDERR') return undefined;
    return { sessionId: '', runId, agent, stream, line, atMs, dropped: 0 };
  } catch {
    return undefined;
  }
}
