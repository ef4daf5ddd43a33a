import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Of all runs; the oldest files are deleted first. */
const MAX_FILES = 1000;
const MAX_BYTES = 64 * 1024 * 1024;
/** The directory is trimmed when this much was added. What is added in between exceeds the bounds. */
const BETWEEN_LOOKS = { files: 64, bytes: 16 * 1024 * 1024 } as const;
/** Of one file, which then becomes the older one of its run and stream, and a new one begins. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** One file of a run and stream, which its writer creates when there is something to write. */
export interface LogFile {
  readonly path: string;
  /** Counts bytes that were added to the directory. */
  added(bytes: number): void;
}

export const olderOf = (path: string): string => `${path}.1`;

/**
 * The plain files of agents' output, one per run and stream:
 * `/session/logs/{agent}_{run_id}_{stdout|stderr}.log`, and beside it the part before as `.log.1`.
 */
export class LogFiles {
  readonly #directory: string;
  #files = 0;
  #bytes = 0;
  #looking: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#look();
  }

  file(agent: string, runId: string, stream: string): LogFile {
    this.#files += 1;
    if (this.#files >= BETWEEN_LOOKS.files) this.#look();
    return {
      path: join(this.#directory, `${agent}_${runId}_${stream}.log`),
      added: (bytes) => {
        this.#bytes += bytes;
        if (this.#bytes >= BETWEEN_LOOKS.bytes) this.#look();
      },
    };
  }

  #look(): void {
    if (this.#looking !== undefined) return;
    this.#files = 0;
    this.#bytes = 0;
    this.#looking = trim(this.#directory)
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
  }
}

/** Deletes the oldest files beyond the bounds. A file in use is among the newest. */
export async function trim(directory: string, maxFiles = MAX_FILES, maxBytes = MAX_BYTES): Promise<void> {
  const files: { path: string; bytes: number; atMs: number }[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true) files.push({ path, bytes: found.size, atMs: found.mtimeMs });
  }
  let bytes = 0;
  for (const [index, file] of files.sort((a, b) => b.atMs - a.atMs).entries()) {
    bytes += file.bytes;
    if (index >= maxFiles || bytes > maxBytes) await rm(file.path, { force: true });
  }
}
