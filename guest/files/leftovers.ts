import { lstatSync, opendirSync, type Stats } from 'node:fs';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import type { Pinned } from './places.ts';
import { removeIn } from './remove.ts';

const TEMPORARY = /^\.raworc-([0-9a-f]{8})[0-9a-f]{8}\.tmp$/;
/** Directories that are remembered as clean. Past them, all are looked at again. */
const MAX_DIRECTORIES = 10_000;
/** Entries of a directory that are looked at. */
const MAX_ENTRIES = 100_000;
const AT_ONCE = 1000;

export interface LeftoversDeps {
  /** Returns random hexadecimal digits. */
  digits(count: number): string;
  /** Of this process: what other users left is not touched. */
  readonly uid: number;
  breathe(): Promise<void>;
}

/**
 * Names of temporary files, and the removal of those whose helper was killed before it could. A
 * session has one helper of each user at a time, so what has the name of another is nobody's. Each
 * directory is looked through before this helper first puts a temporary file there.
 */
export class Leftovers {
  readonly #deps: LeftoversDeps;
  readonly #own: string;
  readonly #clean = new Set<string>();

  constructor(deps: LeftoversDeps) {
    this.#deps = deps;
    this.#own = deps.digits(8);
  }

  /** Returns a new name for a temporary file or directory. */
  name(): Bytes {
    return `.raworc-${this.#own}${this.#deps.digits(8)}.tmp`;
  }

  /** Removes what helpers of before left in a directory. What cannot be removed stays. */
  async sweep(directory: Pinned): Promise<void> {
    const { dev, ino } = directory.stat();
    const id = `${dev}:${ino}`;
    if (this.#clean.has(id)) return;
    if (this.#clean.size >= MAX_DIRECTORIES) this.#clean.clear();
    this.#clean.add(id);
    for await (const name of this.#foundIn(directory)) {
      const stat = attempted(() => lstatSync(directory.in(name)));
      if (stat === undefined || stat.uid !== this.#deps.uid || !(stat.isFile() || stat.isDirectory())) continue;
      await removeIn(directory, name, name, stat, this.#deps.breathe).catch(() => undefined);
    }
  }

  async *#foundIn(directory: Pinned): AsyncGenerator<Bytes> {
    const opened = attempted(() => opendirSync(directory.path, { encoding: 'latin1', bufferSize: 256 }));
    if (opened === undefined) return;
    try {
      for (let count = 1; count <= MAX_ENTRIES; count += 1) {
        const entry = attempted(() => opened.readSync());
        if (entry === undefined || entry === null) return;
        const [, owner] = TEMPORARY.exec(entry.name) ?? [];
        if (owner !== undefined && owner !== this.#own) yield entry.name;
        if (count % AT_ONCE === 0) await this.#deps.breathe();
      }
    } finally {
      opened.closeSync();
    }
  }
}

function attempted<Result extends Stats | object | null>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
