import { opendirSync, type Stats } from 'node:fs';
import type { Folder } from '../../archive/folder.ts';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import { type Pinned, pinBelow } from './places.ts';

/** A directory that stays the one that it was. */
export class PinnedFolder implements Folder {
  readonly #pinned: Pinned;

  constructor(pinned: Pinned) {
    this.#pinned = pinned;
  }

  in(name: Bytes): Buffer {
    return this.#pinned.in(name);
  }

  below(name: Bytes): Folder {
    return new PinnedFolder(pinBelow(this.#pinned, name));
  }

  *names() {
    const opened = opendirSync(this.#pinned.path, { encoding: 'latin1', bufferSize: 256 });
    try {
      for (let one = opened.readSync(); one !== null; one = opened.readSync()) yield { name: one.name, isDirectory: one.isDirectory() };
    } finally {
      opened.closeSync();
    }
  }

  stat(): Stats {
    return this.#pinned.stat();
  }

  close(): void {
    this.#pinned.close();
  }
}
