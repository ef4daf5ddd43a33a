import { createWriteStream, mkdirSync, readdirSync, renameSync, rmSync, statSync, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../seams/clock.ts';
import type { KeptLine, LineStore } from './line-store.ts';

/** Of one file; an agent has a newer and an older one. */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
/** Of one agent's lines that wait for the disk. Further lines are lost. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;
/** Of one answer, in memory. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const RETRY_MS = 1000;
const NOTHING = Buffer.alloc(0);

/** Where the lines of one agent are kept. */
interface AgentLines {
  readonly path: string;
  file: WriteStream | undefined;
  /** With what was not written yet. */
  bytes: number;
  /** Times that the file became the older one. */
  rotations: number;
  readonly followers: Set<(line: KeptLine) => void>;
  failedAtMs: number | undefined;
}

/**
 * Keeps the lines of all agents of a session, with time and run, as JSON in the guest's own
 * directory, where no agent can write. The plain files in /session/logs are for people in the
 * session. Lines of another session, as after a copy of its volume, are deleted.
 */
export class KeptLines implements LineStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #agents = new Map<string, AgentLines>();

  /** `directory` is the guest's own: /session/.raworc. */
  constructor(directory: string, sessionId: string, clock: Clock) {
    const all = join(directory, 'lines');
    this.#directory = join(all, sessionId);
    this.#clock = clock;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(all)) if (name !== sessionId) rmSync(join(all, name), { recursive: true, force: true });
  }

  keep(line: KeptLine): void {
    const kept = this.#linesOf(line.agent);
    for (const listener of kept.followers) listener(line);
    const text = `${JSON.stringify([line.runId, line.stream, line.atMs, line.line])}\n`;
    const file = this.#fileOf(kept);
    if (file === undefined || file.writableLength > MAX_UNWRITTEN_BYTES) return;
    file.write(text);
    kept.bytes += Buffer.byteLength(text);
  }

  follow(agent: string, listener: (line: KeptLine) => void): { close(): void } {
    const { followers } = this.#linesOf(agent);
    followers.add(listener);
    return { close: () => void followers.delete(listener) };
  }

  async newest(agent: string, wanted: (line: KeptLine) => boolean, limit: number): Promise<readonly KeptLine[]> {
    const kept = this.#linesOf(agent);
    const { bytes: until, rotations } = kept;
    await written(kept.file);
    const texts = [await readFile(kept.path).catch(() => NOTHING), await readFile(older(kept.path)).catch(() => NOTHING)];
    // What was kept since then is not wanted; the file may have become the older one meanwhile.
    if (kept.rotations > rotations) texts.shift();
    const [newer = NOTHING, old = NOTHING] = texts;
    const lines: KeptLine[] = [];
    let bytes = 0;
    for (const text of [newer.subarray(0, until), old]) {
      for (const record of text.toString('utf8').split('\n').reverse()) {
        const line = record === '' ? undefined : lineIn(record, agent);
        if (line === undefined || !wanted(line)) continue;
        bytes += record.length * 3;
        if (lines.length >= limit || bytes > MAX_ANSWER_BYTES) return lines.reverse();
        lines.push(line);
      }
    }
    return lines.reverse();
  }

  #linesOf(agent: string): AgentLines {
    let kept = this.#agents.get(agent);
    if (kept === undefined) {
      const path = join(this.#directory, `${agent}.jsonl`);
      kept = {
        path,
        file: undefined,
        bytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0,
        failedAtMs: undefined,
        rotations: 0,
        followers: new Set(),
      };
      this.#agents.set(agent, kept);
    }
    return kept;
  }

  /** Undefined while the disk fails. */
  #fileOf(kept: AgentLines): WriteStream | undefined {
    if (kept.file !== undefined && kept.bytes < MAX_FILE_BYTES) return kept.file;
    if (kept.failedAtMs !== undefined && this.#clock.monotonic() - kept.failedAtMs < RETRY_MS) return undefined;
    kept.file?.end();
    try {
      if (kept.bytes >= MAX_FILE_BYTES) {
        renameSync(kept.path, older(kept.path));
        kept.rotations += 1;
      }
    } catch {
      // The file is missing: a new one is begun.
    }
    const file = createWriteStream(kept.path, { flags: 'a', mode: 0o600 });
    file.on('error', () => {
      if (kept.file === file) kept.file = undefined;
      kept.failedAtMs = this.#clock.monotonic();
    });
    Object.assign(kept, { file, bytes: statSync(kept.path, { throwIfNoEntry: false })?.size ?? 0, failedAtMs: undefined });
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

/** Parses a line. Returns undefined for one that a crash cut off. */
function lineIn(text: string, agent: string): KeptLine | undefined {
  try {
    const [runId, stream, atMs, line]: unknown[] = JSON.parse(text);
    if (typeof runId !== 'string' || typeof atMs !== 'number' || typeof line !== 'string') return undefined;
    if (stream !== 'STDOUT' && stream !== 'STDERR') return undefined;
    return { agent, runId, stream, line, atMs };
  } catch {
    return undefined;
  }
}
