import { lstatSync, opendirSync, type Stats } from 'node:fs';
import type { Folder } from './folder.ts';
import type { Bytes } from './tar-header.ts';

/**
 * A directory by its path, on any system. It enters no link that is there when it looks; only what
 * changes the directory in that moment could lead it elsewhere.
 */
export class PathFolder implements Folder {
  readonly #path: Bytes;

  /** `path` is absolute, or relative to the working directory. */
  constructor(path: Bytes) {
    this.#path = path;
  }

  in(name: Bytes): Buffer {
    return Buffer.from(`${this.#path}/${name}`, 'latin1');
  }

  below(name: Bytes): Folder {
    if (!lstatSync(this.in(name)).isDirectory()) throw Object.assign(new Error(`${this.in(name)} is not a directory`), { code: 'ENOTDIR' });
    return new PathFolder(`${this.#path}/${name}`);
  }

  *names() {
    const opened = opendirSync(Buffer.from(this.#path, 'latin1'), { encoding: 'latin1', bufferSize: 256 });
    try {
      for (let one = opened.readSync(); one !== null; one = opened.readSync()) yield { name: one.name, isDirectory: one.isDirectory() };
    } finally {
      opened.closeSync();
    }
  }

  stat(): Stats {
    return lstatSync(Buffer.from(this.#path, 'latin1'));
  }

  close(): void {
    // Nothing is open.
  }
}
