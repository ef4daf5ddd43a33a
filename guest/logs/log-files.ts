import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Of all runs; the oldest files are deleted first. */
const MAX_FILES = 1000;
const MAX_BYTES = 64 * 1024 * 1024;
/**
 * The directory is trimmed each time this many files may have been begun. Output in between exceeds
 * the bound.
 */
const BEGUN_BETWEEN_LOOKS = 64;

/**
 * The plain files of agents' output, one per run and stream:
 * `/session/logs/{agent}_{run_id}_{stdout|stderr}.log`.
 */
export class LogFiles {
  readonly #directory: string;
  #begun = 0;
  #looking: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#look();
  }

  path(agent: string, runId: string, stream: string): string {
    this.#begun += 1;
    if (this.#begun % BEGUN_BETWEEN_LOOKS === 0) this.#look();
    return join(this.#directory, `${agent}_${runId}_${stream}.log`);
  }

  #look(): void {
    this.#looking ??= trim(this.#directory)
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
