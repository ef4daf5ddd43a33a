import type { Stats } from 'node:fs';
import type { Bytes } from '../../proto/streams/files-paths.ts';

/** How many names one watch remembers the files of. Beyond that, a rename is reported as a removal and a creation. */
export const MAX_KNOWN = 16_384;

/**
 * Which file each name in the watched directories has. Node.js does not tell a rename from a removal, but the name that
 * comes next has the same file then.
 */
export class KnownNames {
  readonly #directories = new Map<Bytes, Map<Bytes, string>>();
  #count = 0;

  get isFull(): boolean {
    return this.#count >= MAX_KNOWN;
  }

  learn(directory: Bytes, name: Bytes, stat: Stats): void {
    const names = this.#directories.get(directory) ?? new Map<Bytes, string>();
    if (!names.has(name)) {
      if (this.isFull) return;
      this.#count += 1;
    }
    this.#directories.set(directory, names.set(name, fileOf(stat)));
  }

  /** Returns and forgets the file of a name that is gone. */
  take(directory: Bytes, name: Bytes): string | undefined {
    const names = this.#directories.get(directory);
    const file = names?.get(name);
    if (names?.delete(name) === true) this.#count -= 1;
    return file;
  }

  /** Forgets all names in a directory. */
  drop(directory: Bytes): void {
    this.#count -= this.#directories.get(directory)?.size ?? 0;
    this.#directories.delete(directory);
  }
}

/** The time of its birth tells a file from a later one with the same number. */
export const fileOf = ({ dev, ino, birthtimeMs }: Stats): string => `${dev} ${ino} ${birthtimeMs}`;
