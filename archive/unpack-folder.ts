import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { Folder } from './folder.ts';
import { TarDecoder } from './tar-decoder.ts';
import { type Bytes, type TarEntry, TarFault } from './tar-header.ts';

/** Directories whose mode is set at the end, so that what is in them can be created. */
const MAX_KEPT_MODES = 100_000;
const NEEDED = 0o700;

export interface Unpacked {
  files: number;
  directories: number;
  links: number;
  bytes: number;
}

export interface UnpackOptions {
  /** The permission bits that are kept. */
  readonly modes: number;
  /** Whether entries get the owners that they come with, which only root can give. */
  readonly hasOwners?: boolean;
  /** Whether the content of each file is on the disk before the next one comes. */
  readonly isSynced?: boolean;
  /** Throws for names that the directory keeps for itself. */
  check?(parts: readonly Bytes[]): void;
  unpacked?(bytes: number): void;
  comment?(text: Bytes): void;
}

/**
 * Unpacks a tar into a directory as it arrives. Nothing leaves the directory: names with `..` are
 * refused, and links that are there, or in the archive, are never followed. Files and links replace
 * those of the same name; directories are kept. Throws a {@link TarFault}, or the kernel's error.
 */
export class Unpacker {
  readonly counts: Unpacked = { files: 0, directories: 0, links: 0, bytes: 0 };
  readonly #options: UnpackOptions;
  readonly #decoder: TarDecoder;
  /** The open directories down to the current one, the root first. */
  readonly #chain: { readonly name: Bytes; readonly folder: Folder }[];
  readonly #modes: (Pick<TarEntry, 'mode' | 'uid' | 'gid'> & { readonly parts: readonly Bytes[] })[] = [];
  #file: { readonly fd: number; readonly mtimeMs: number } | undefined;
  /** The path that is unpacked now, for messages. */
  current: Bytes = '';

  constructor(root: Folder, options: UnpackOptions) {
    this.#options = options;
    this.#chain = [{ name: '', folder: root }];
    this.#decoder = new TarDecoder({
      entry: (entry) => this.#entry(entry),
      content: (bytes) => this.#write(bytes),
      end: () => this.#end(),
      ...(options.comment === undefined ? {} : { comment: options.comment }),
    });
  }

  write(bytes: Buffer): void {
    this.#decoder.decode(bytes);
  }

  /** Sets the modes of directories. Throws if the archive was cut off. */
  finish(): Unpacked {
    if (!this.#decoder.isOver) throw new TarFault('The archive was cut off. Send it again.');
    for (const { parts, mode, uid, gid } of this.#modes.reverse()) {
      const name = parts.at(-1) ?? '';
      const at = this.#folderOf(parts.slice(0, -1)).in(name);
      if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) continue;
      if (this.#options.hasOwners === true) chownSync(at, uid, gid);
      chmodSync(at, mode);
    }
    this.close();
    return this.counts;
  }

  /** Closes what is open, but not the root. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
    while (this.#chain.length > 1) this.#chain.pop()?.folder.close();
  }

  #entry({ name, type: kind, mode: sent, uid, gid, mtimeMs, target }: TarEntry): void {
    this.current = name;
    const parts = partsOf(name);
    const mode = sent & this.#options.modes;
    const last = parts.at(-1);
    if (last === undefined) {
      if (kind === 'directory') return;
      throw new TarFault('The archive has an entry without a name.');
    }
    this.#options.check?.(parts);
    const folder = this.#folderOf(parts.slice(0, -1));
    const at = folder.in(last);
    switch (kind) {
      case 'directory':
        if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) mkdirSync(at, { mode: mode | NEEDED });
        if (this.#modes.length < MAX_KEPT_MODES) this.#modes.push({ parts, mode, uid, gid });
        this.counts.directories += 1;
        return;
      case 'symlink':
        this.#clear(folder, last);
        symlinkSync(Buffer.from(target, 'latin1'), at);
        if (this.#options.hasOwners === true) lchownSync(at, uid, gid);
        this.counts.links += 1;
        return;
      case 'link': {
        const [from, name] = [partsOf(target), partsOf(target).at(-1)];
        if (name === undefined) throw new TarFault('The archive has a link without a target.');
        this.#options.check?.(from);
        // The directories of the target replace those of the link in the chain.
        const source = this.#folderOf(from.slice(0, -1)).in(name);
        if (lstatSync(source).isSymbolicLink()) throw new TarFault('The archive has a hard link to a symbolic link.');
        const second = this.#opened(parts.slice(0, -1));
        try {
          this.#clear(second.folder, last);
          linkSync(this.#folderOf(from.slice(0, -1)).in(name), second.folder.in(last));
        } finally {
          second.close();
        }
        this.counts.links += 1;
        return;
      }
      case 'file': {
        const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
        const create = () => openSync(at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
        let fd: number;
        try {
          fd = create();
        } catch (error) {
          if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
          this.#clear(folder, last);
          fd = create();
        }
        this.#file = { fd, mtimeMs };
        if (this.#options.hasOwners === true) fchownSync(fd, uid, gid);
        fchmodSync(fd, mode);
        return;
      }
      default:
        kind satisfies never;
    }
  }

  #write(bytes: Buffer): void {
    if (this.#file === undefined) return;
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#file.fd, bytes, at);
    this.counts.bytes += bytes.byteLength;
    this.#options.unpacked?.(bytes.byteLength);
  }

  #end(): void {
    if (this.#file === undefined) return;
    const { fd, mtimeMs } = this.#file;
    this.#file = undefined;
    this.counts.files += 1;
    try {
      futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000);
      if (this.#options.isSynced === true) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Removes a file or link that is in the way; an empty directory too. */
  #clear(folder: Folder, name: Bytes): void {
    const stat = lstatSync(folder.in(name), { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) rmdirSync(folder.in(name));
    else unlinkSync(folder.in(name));
  }

  /** Opens directories that are open no longer than the result. */
  #opened(parts: readonly Bytes[]): { readonly folder: Folder; close(): void } {
    const [root] = this.#chain;
    if (root === undefined) throw new Error('the root is closed');
    const opened: Folder[] = [];
    let folder = root.folder;
    for (const part of parts) {
      folder = folder.below(part);
      opened.push(folder);
    }
    return {
      folder,
      close: () => {
        for (const one of opened.reverse()) one.close();
      },
    };
  }

  /** Returns a directory below the root, which it creates if it is missing. */
  #folderOf(parts: readonly Bytes[]): Folder {
    let shared = 0;
    while (shared < parts.length && this.#chain[shared + 1]?.name === parts[shared]) shared += 1;
    while (this.#chain.length > shared + 1) this.#chain.pop()?.folder.close();
    for (const name of parts.slice(shared)) {
      const above = this.#chain.at(-1)?.folder;
      if (above === undefined) throw new Error('the root is closed');
      if (lstatSync(above.in(name), { throwIfNoEntry: false }) === undefined) mkdirSync(above.in(name), { mode: 0o755 });
      this.#chain.push({ name, folder: above.below(name) });
    }
    const last = this.#chain.at(-1);
    if (last === undefined) throw new Error('the root is closed');
    return last.folder;
  }
}

/** Returns the parts of a name, which begins at the directory. Throws for one that leads out of it. */
function partsOf(name: Bytes): readonly Bytes[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new TarFault('The archive has a name with "..", which could lead out of the directory.');
  if (parts.length > 500) throw new TarFault('The archive has directories that are nested too deeply.');
  return parts;
}
