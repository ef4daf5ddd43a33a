import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import type { Folder } from './folder.ts';
import { type Bytes, encodeTarComment, encodeTarHeader, paddingOf, TAR_END, type TarEntry } from './tar-header.ts';

const PIECE_BYTES = 256 * 1024;
/** Directories in one another. */
const MAX_LEVELS = 500;
/** Files with several names that are recognized. Others are packed once for each name. */
const MAX_LINKED = 100_000;
/** What is left out is named up to here. */
const MAX_NAMED = 10;

export interface Packed {
  readonly files: number;
  /** Files of the session's directory that are not for others. */
  readonly leftOut: readonly string[];
}

export interface PackOptions {
  /** Left out without a word. */
  isClosed?(name: Bytes, level: number): boolean;
  /** Called for each file, with its size. */
  packed?(bytes: number): void;
}

/**
 * Yields a directory as a tar, in pieces: modes, times and links as they are, names relative to it.
 * Pipes, sockets, devices and what cannot be read are left out; a comment at the end names them.
 * Throws if a file becomes shorter while it is read.
 */
export function* packFolder(folder: Folder, options: PackOptions = {}): Generator<Buffer, void> {
  const packer = new Packer(options);
  yield* packer.folder(folder, '', 0);
  yield* packer.finish();
}

/** Yields one file as a tar. */
export function* packFile(folder: Folder, name: Bytes, options: PackOptions = {}): Generator<Buffer, void> {
  const packer = new Packer(options);
  yield* packer.one(folder, name, '', 0);
  yield* packer.finish();
}

class Packer {
  readonly #options: PackOptions;
  readonly #linked = new Map<string, Bytes>();
  readonly #leftOut: string[] = [];
  #leftOutCount = 0;
  #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #used = 0;

  constructor(options: PackOptions) {
    this.#options = options;
  }

  *folder(folder: Folder, path: Bytes, level: number): Generator<Buffer, void> {
    if (level > MAX_LEVELS) return this.#skip(path, 'nested too deeply');
    let names: { readonly name: Bytes }[];
    try {
      names = [...folder.names()];
    } catch (error) {
      return this.#skip(path, codeOf(error));
    }
    names.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name } of names) if (this.#options.isClosed?.(name, level) !== true) yield* this.one(folder, name, path, level);
  }

  *one(folder: Folder, name: Bytes, above: Bytes, level: number): Generator<Buffer, void> {
    const path = above === '' ? name : `${above}/${name}`;
    try {
      const at = folder.in(name);
      const stat = lstatSync(at);
      if (stat.isFile()) yield* this.#file(at, path, stat);
      else if (stat.isSymbolicLink()) yield* this.#add(entryOf(path, 'symlink', stat, readlinkSync(at, { encoding: 'latin1' })));
      else if (stat.isDirectory()) {
        const below = folder.below(name);
        try {
          yield* this.#add(entryOf(`${path}/`, 'directory', below.stat()));
          yield* this.folder(below, path, level + 1);
        } finally {
          below.close();
        }
      } else this.#skip(path, 'not a file');
    } catch (error) {
      if (error instanceof Shrunk) throw error;
      this.#skip(path, codeOf(error));
    }
  }

  *finish(): Generator<Buffer, void> {
    if (this.#leftOutCount > 0) yield* this.#bytes(encodeTarComment(`raworc left out ${this.#leftOutCount}: ${this.#leftOut.join(', ')}`));
    yield* this.#bytes(TAR_END);
    if (this.#used > 0) yield this.#piece.subarray(0, this.#used);
  }

  *#file(at: Buffer, path: Bytes, seen: Stats): Generator<Buffer, void> {
    const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      // Another one, or none, can have come in its place.
      const stat = fstatSync(fd);
      if (!stat.isFile()) return this.#skip(path, 'not a file');
      if (seen.nlink > 1) {
        const id = `${stat.dev}:${stat.ino}`;
        const first = this.#linked.get(id);
        if (first !== undefined) return yield* this.#add(entryOf(path, 'link', stat, first));
        if (this.#linked.size < MAX_LINKED) this.#linked.set(id, path);
      }
      yield* this.#add(entryOf(path, 'file', stat));
      for (let left = stat.size; left > 0; ) {
        if (this.#used === PIECE_BYTES) yield this.#flush();
        const count = readSync(fd, this.#piece, this.#used, Math.min(left, PIECE_BYTES - this.#used), null);
        if (count === 0) throw new Shrunk(`${Buffer.from(path, 'latin1')} became shorter while it was read. Try again.`);
        this.#used += count;
        left -= count;
      }
      yield* this.#bytes(Buffer.alloc(paddingOf(stat.size)));
      this.#options.packed?.(stat.size);
    } finally {
      closeSync(fd);
    }
  }

  *#add(entry: TarEntry): Generator<Buffer, void> {
    yield* this.#bytes(encodeTarHeader(entry));
  }

  *#bytes(bytes: Buffer): Generator<Buffer, void> {
    if (this.#used + bytes.byteLength > PIECE_BYTES) yield this.#flush();
    bytes.copy(this.#piece, this.#used);
    this.#used += bytes.byteLength;
  }

  #flush(): Buffer {
    const full = this.#piece.subarray(0, this.#used);
    this.#piece = Buffer.allocUnsafe(PIECE_BYTES);
    this.#used = 0;
    return full;
  }

  #skip(path: Bytes, why: string): void {
    this.#leftOutCount += 1;
    if (this.#leftOut.length < MAX_NAMED) this.#leftOut.push(`${Buffer.from(path, 'latin1').toString().slice(0, 200)} (${why})`);
  }
}

class Shrunk extends Error {}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'failed');

const entryOf = (name: Bytes, type: TarEntry['type'], { size, mode, mtimeMs, uid, gid }: Stats, target: Bytes = ''): TarEntry => ({
  ...{ name, type, mode, mtimeMs, uid, gid, target },
  size: type === 'file' ? size : 0,
});
