import { createWriteStream, mkdirSync, readdirSync, renameSync, rmSync, statSync, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../seams/clock.ts';
import type { Found, KeptLine, LineStore, Wanted } from './line-store.ts';

/** Of one file; an agent has a newer and an older one. */
const MAX_FILE_BYTES = 2 * 1024 * 1024;
/** Of one agent's lines that wait for the disk. Further lines are lost. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;
/** Of one answer, in memory. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
/** Of one line, besides its text. */
const RECORD_BYTES = 96;
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

  async newest({ agents, limit, matches }: Wanted): Promise<Found> {
    // Fixed before the first wait: what is kept from now on is not wanted.
    const parts = agents.map((agent) => {
      const kept = this.#linesOf(agent);
      return { agent, kept, until: kept.bytes, rotations: kept.rotations };
    });
    let found: Found = { lines: [], left: 0 };
    for (const { agent, kept, until, rotations } of parts) {
      await written(kept.file);
      const texts = [await readFile(kept.path).catch(() => NOTHING), await readFile(older(kept.path)).catch(() => NOTHING)];
      // The file can have become the older one meanwhile.
      if (kept.rotations > rotations) texts.shift();
      const [newer = NOTHING, old = NOTHING] = texts;
      const lines = [...linesIn(old, agent), ...linesIn(newer.subarray(0, until), agent)].filter(matches);
      found = newestOf(found, lines, limit);
    }
    return found;
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

/** Adds lines, and leaves out the oldest beyond the limit and the bytes of an answer. */
function newestOf({ lines, left }: Found, more: readonly KeptLine[], limit: number): Found {
  const all = lines.length === 0 ? more : [...lines, ...more].sort((a, b) => a.atMs - b.atMs);
  let bytes = 0;
  let from = all.length;
  while (from > 0 && all.length - from < limit) {
    bytes += Buffer.byteLength(all[from - 1]?.line ?? '') + RECORD_BYTES;
    if (bytes > MAX_ANSWER_BYTES) break;
    from -= 1;
  }
  return { lines: all.slice(from), left: left + from };
}

const linesIn = (text: Buffer, agent: string): readonly KeptLine[] =>
  text
    .toString('utf8')
    .split('\n')
    .flatMap((record) => (record === '' ? [] : (lineIn(record, agent) ?? [])));

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
