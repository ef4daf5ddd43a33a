import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsync,
  linkSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
  write,
  writev,
} from 'node:fs';
import { Writable } from 'node:stream';
import type { ByteStream } from '../../proto/streams/byte-stream.ts';
import type { WriteFile } from '../../proto/streams/files-request.ts';
import { StreamError } from '../../proto/streams/reasons.ts';
import { entryAt, tagOf } from './entries.ts';
import { attempt, FileFault, faultOf, shown } from './faults.ts';
import type { Leftovers } from './leftovers.ts';
import { answer } from './output.ts';
import { absolute, lstatIn, type Place, placeOfTarget, type Roots } from './places.ts';
import { checkIsFile } from './read.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const NEW_MODE = 0o644;
const OWNER_ONLY = 0o600;
/** Content goes to the disk in such portions while more comes: the sync at the end has little left to do. */
const PORTION_BYTES = 16 * 1024 * 1024;

/**
 * Replaces a file in one step: the content goes to a temporary file beside it, which takes its name
 * once it is on the disk. A reader sees the old content or the new, never a mixture. A
 * file keeps its mode; a link is followed first. The directory is opened once, so that a link put in
 * its place leads nowhere else.
 */
export async function writeFile(stream: ByteStream, roots: Roots, request: WriteFile, leftovers: Leftovers): Promise<void> {
  const path = absolute(roots, request.path);
  const place = placeOfTarget(roots, path, request.parents);
  const beside = place.directory.in(leftovers.name());
  let fd: number | undefined;
  let isThere = false;
  let portions: Portions | undefined;
  try {
    const before = attempt(path, () => checked(place, request));
    await leftovers.sweep(place.directory);
    fd = attempt(path, () => openSync(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, OWNER_ONLY));
    isThere = true;
    portions = new Portions(fd);
    await received(stream, fd, path, portions);
    const after = attempt(path, () => checked(place, request));
    const open = fd;
    attempt(path, () => fchmodSync(open, modeOf(after ?? before, fstatSync(open), request)));
    const failure = (await portions.synced()) ?? (await synced(open));
    if (failure !== undefined) throw faultOf(failure, path);
    attempt(path, () => putInPlace(place, beside, request.isNew));
    isThere = false;
    const entry = attempt(path, () => entryAt(path, place.directory.in(place.name)));
    answer(stream, { ok: true, entry, created: after === undefined });
  } finally {
    await portions?.synced();
    if (fd !== undefined) closeSync(fd);
    if (isThere) remove(beside);
    place.directory.close();
  }
}

/** Returns the file to replace, if there is one and it can be. */
function checked(place: Place, { ifMatch, isNew }: WriteFile): Stats | undefined {
  const stat = lstatIn(place);
  if (stat === undefined) {
    if (ifMatch !== undefined) throw new FileFault('changed', `${shown(place.shown)} does not exist any more, or not yet.`);
    return undefined;
  }
  if (isNew) throw new FileFault('changed', `${shown(place.shown)} exists already.`);
  checkIsFile(stat, place.shown);
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== tagOf(stat))
    throw new FileFault('changed', `${shown(place.shown)} was changed meanwhile. Read it again.`);
  // Replacing needs rights in the directory alone. A file that is closed to writing stays as it is.
  accessSync(place.directory.in(place.name), constants.W_OK);
  return stat;
}

/** A file of another user does not lend the rights of this one. */
function modeOf(replaced: Stats | undefined, { uid, gid }: Stats, { mode = NEW_MODE }: WriteFile): number {
  if (replaced === undefined) return mode & 0o7777;
  return replaced.mode & (replaced.uid === uid && replaced.gid === gid ? 0o7777 : 0o1777);
}

function putInPlace({ directory, name }: Place, beside: Buffer, isNew: boolean): void {
  if (!isNew) return renameSync(beside, directory.in(name));
  // Unlike a rename, a link fails if the name was taken meanwhile.
  linkSync(beside, directory.in(name));
  unlinkSync(beside);
}

/** Takes the content to its end. The stream stays open for the answer if writing fails. */
function received(stream: ByteStream, fd: number, path: string, portions: Portions): Promise<void> {
  return new Promise((resolve, reject) => {
    const writer = fileWriter(fd, (bytes) => portions.wrote(bytes));
    const settle = (error?: unknown) => {
      stream.off('close', cut);
      stream.unpipe(writer);
      if (error === undefined) resolve();
      else reject(error instanceof StreamError ? error : faultOf(error, path));
    };
    const cut = () => {
      settle(new StreamError('cancelled'));
      writer.destroy();
    };
    writer.once('error', settle);
    writer.once('finish', () => settle());
    stream.once('close', cut);
    if (stream.destroyed) return cut();
    stream.pipe(writer);
  });
}

/** Writes to an open file. Fails with the kernel's error. */
function fileWriter(fd: number, wrote: (bytes: number) => void): Writable {
  return new Writable({
    highWaterMark: 1024 * 1024,
    write: (chunk: Buffer, _encoding, done) => {
      wrote(chunk.byteLength);
      writeAll(fd, chunk, done);
    },
    writev: (chunks, done) => {
      const buffers = chunks.map(({ chunk }) => chunk as Buffer);
      const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
      wrote(bytes);
      writev(fd, buffers, (error, count) => {
        if (error !== null || count === bytes) return done(error);
        // A part only, as on a disk that is nearly full.
        writeAll(fd, Buffer.concat(buffers).subarray(count), done);
      });
    },
  });
}

function writeAll(fd: number, bytes: Buffer, done: (error?: Error | null) => void): void {
  write(fd, bytes, (error, count) => {
    if (error !== null || count === bytes.byteLength) return done(error);
    writeAll(fd, bytes.subarray(count), done);
  });
}

const synced = (fd: number): Promise<Error | undefined> => new Promise((resolve) => fsync(fd, (error) => resolve(error ?? undefined)));

/** Syncs a file in portions while it is written, one at a time. */
class Portions {
  readonly #fd: number;
  #bytes = 0;
  #running: Promise<void> | undefined;
  /** The kernel reports an error to one sync only: the last one would not see it. */
  #failure: Error | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  wrote(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < PORTION_BYTES || this.#running !== undefined) return;
    this.#bytes = 0;
    this.#running = new Promise((resolve) =>
      fdatasync(this.#fd, (error) => {
        this.#failure ??= error ?? undefined;
        this.#running = undefined;
        resolve();
      }),
    );
  }

  /** Resolves once none is running, to the first error. */
  async synced(): Promise<Error | undefined> {
    await this.#running;
    return this.#failure;
  }
}

function remove(path: Buffer): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone.
  }
}
