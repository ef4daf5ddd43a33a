import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { type Bytes, bufferOf } from '../../proto/streams/files-paths.ts';
import { attempt, FileFault, shown } from './faults.ts';

/** Refers to a file without opening it, so that a FIFO or a device does nothing. Node.js has no name for it. */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** As many as the kernel follows. */
const MAX_LINKS = 40;

export interface Roots {
  /** Where relative paths begin. */
  readonly workspace: Bytes;
  /** The guest's own directory, which stays closed where its mode alone does not close it. */
  readonly closed: Bytes;
}

/** Returns an absolute path without `.`, `..` and doubled slashes, which are resolved by name. */
export const absolute = ({ workspace }: Pick<Roots, 'workspace'>, path: Bytes): Bytes => {
  const whole = posix.normalize(posix.resolve(workspace, path));
  return whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
};

/** An open file or directory, as the kernel found it: nobody can put another in its place. */
export class Pinned {
  readonly fd: number;
  #isOpen = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** A path to the very file. */
  get path(): Bytes {
    return `/proc/self/fd/${this.fd}`;
  }

  /** A path to an entry of the very directory. */
  in(name: Bytes): Buffer {
    return bufferOf(`${this.path}/${name}`);
  }

  stat(): Stats {
    return fstatSync(this.fd);
  }

  /** Where it is, without links. */
  real(): Bytes {
    return readlinkSync(this.path, { encoding: 'latin1' });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.fd);
  }
}

/** Finds what a path leads to, through links. */
export function pin(roots: Roots, path: Bytes, flags = 0): Pinned {
  const pinned = attempt(path, () => new Pinned(openSync(bufferOf(path), O_PATH | flags)));
  try {
    checkOpen(
      roots,
      path,
      attempt(path, () => pinned.real()),
    );
    return pinned;
  } catch (error) {
    pinned.close();
    throw error;
  }
}

/** Finds a directory in an open one, and no link. */
export const pinBelow = (parent: Pinned, name: Bytes): Pinned => new Pinned(openSync(parent.in(name), O_PATH | O_DIRECTORY | O_NOFOLLOW));

/** Opens a pinned regular file. Opening can neither wait nor make it a terminal's. */
export const reopen = (pinned: Pinned, flags: number): number => openSync(pinned.path, flags | O_NONBLOCK | O_NOCTTY);

function checkOpen({ closed }: Roots, path: Bytes, real: Bytes): void {
  if (real === closed || real.startsWith(`${closed}/`)) throw new FileFault('denied', `${shown(path)} belongs to Raworc and is closed.`);
}

/** A name in an open directory. */
export interface Place {
  readonly directory: Pinned;
  readonly name: Bytes;
  /** The path as it was asked for. */
  readonly shown: Bytes;
}

/** Opens the directory of a path, which a change goes through. The caller closes it. */
export function placeOf(roots: Roots, path: Bytes, parents = false): Place {
  const name = posix.basename(path);
  if (name === '') throw new FileFault('conflict', 'The root directory itself cannot be changed.');
  const above = posix.dirname(path);
  if (parents) makeDirectories(roots, above);
  const directory = pin(roots, above, O_DIRECTORY);
  try {
    checkOpen(roots, path, `${directory.real() === '/' ? '' : directory.real()}/${name}`);
  } catch (error) {
    directory.close();
    throw error;
  }
  return { directory, name, shown: path };
}

/** Refuses what the guest's own directory is in: as root, it would go with the rest. */
export function checkIsNotAbove({ closed }: Roots, { directory, name, shown: path }: Place): void {
  const real = directory.real();
  if (closed.startsWith(`${real === '/' ? '' : real}/${name}/`))
    throw new FileFault('denied', `${shown(path)} holds what belongs to Raworc, and stays where it is.`);
}

/** Follows links at the end of a path: where a write to it goes. */
export function placeOfTarget(roots: Roots, path: Bytes, parents: boolean): Place {
  let place = placeOf(roots, path, parents);
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const stat = attempt(path, () => lstatIn(place));
    if (stat?.isSymbolicLink() !== true) return place;
    const { directory, name } = place;
    try {
      const text = attempt(path, () => readlinkSync(directory.in(name), { encoding: 'latin1' }));
      place = { ...placeOf(roots, absolute({ workspace: directory.real() }, text)), shown: path };
    } finally {
      directory.close();
    }
  }
  place.directory.close();
  throw new FileFault('conflict', `The path ${shown(path)} leads through too many links.`);
}

/** Returns what is at a place, without following a link; undefined if nothing is. */
export const lstatIn = ({ directory, name }: Place): Stats | undefined => lstatSync(directory.in(name), { throwIfNoEntry: false });

/** Creates a directory and its missing parents. */
export function makeDirectories({ closed }: Roots, path: Bytes, mode = 0o755): void {
  if (path === closed || path.startsWith(`${closed}/`)) throw new FileFault('denied', `${shown(path)} belongs to Raworc and is closed.`);
  attempt(path, () => mkdirSync(bufferOf(path), { recursive: true, mode }));
}
