import { chmodSync, mkdirSync, opendirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import type { ChangeMode, MakeDirectory, MoveFile, RemoveFile, StatFile } from '../../proto/streams/files-request.ts';
import type { FilesHead } from '../../proto/streams/files-stream.ts';
import { entryAt } from './entries.ts';
import { attempt, FileFault, shown } from './faults.ts';
import { absolute, lstatIn, makeDirectories, type Pinned, pin, pinBelow, placeOf, type Roots } from './places.ts';

/** Directories in one another that a removal enters. */
const MAX_LEVELS = 500;

export function stat(roots: Roots, request: StatFile): FilesHead {
  const path = absolute(roots, request.path);
  if (path === '/') return { ok: true, entry: entryAt(path, Buffer.from('/')) };
  return within(roots, path, ({ directory, name }) => ({ ok: true, entry: entryAt(path, directory.in(name)) }));
}

/** Creates a directory. With `parents`, one that exists is as good. */
export function makeDirectory(roots: Roots, { path: sent, mode = 0o755, parents }: MakeDirectory): FilesHead {
  const path = absolute(roots, sent);
  const before = parents && path === '/' ? 'there' : undefined;
  if (before !== undefined) return { ok: true, entry: entryAt(path, Buffer.from('/')), created: false };
  if (parents) makeDirectories(roots, path.slice(0, Math.max(1, path.lastIndexOf('/'))));
  return within(roots, path, (place) => {
    const { directory, name } = place;
    const there = lstatIn(place);
    if (there !== undefined && !there.isDirectory() && !isDirectoryBehind(roots, path))
      throw new FileFault('conflict', `${shown(path)} exists already, and is not a directory.`);
    if (there !== undefined && !parents) throw new FileFault('conflict', `The directory ${shown(path)} exists already.`);
    if (there === undefined) mkdirSync(directory.in(name), { mode });
    return { ok: true, entry: entryAt(path, directory.in(name)), created: there === undefined };
  });
}

function isDirectoryBehind(roots: Roots, path: Bytes): boolean {
  const pinned = pin(roots, path);
  try {
    return pinned.stat().isDirectory();
  } finally {
    pinned.close();
  }
}

/** Renames within a file system. A link itself is moved, not what it leads to. */
export function move(roots: Roots, { path: sent, to: target, parents, overwrite }: MoveFile): FilesHead {
  const path = absolute(roots, sent);
  const to = absolute(roots, target);
  return within(roots, path, (from) => {
    attempt(path, () => entryAt(path, from.directory.in(from.name)));
    const place = placeOf(roots, to, parents);
    try {
      const there = lstatIn(place);
      if (there !== undefined && !overwrite)
        throw new FileFault('conflict', `${shown(to)} exists already. Send overwrite=true to replace it.`);
      attempt(to, () => renameSync(from.directory.in(from.name), place.directory.in(place.name)));
      return { ok: true, entry: attempt(to, () => entryAt(to, place.directory.in(place.name))), created: there === undefined };
    } finally {
      place.directory.close();
    }
  });
}

/** Changes the mode of a file, or of what a link leads to. */
export function changeMode(roots: Roots, { path: sent, mode }: ChangeMode): FilesHead {
  const path = absolute(roots, sent);
  const pinned = pin(roots, path);
  try {
    return attempt(path, () => {
      chmodSync(pinned.path, mode);
      return { ok: true, entry: entryAt(path, Buffer.from(pinned.path), pinned.stat()) };
    });
  } finally {
    pinned.close();
  }
}

/** Removes a file, a link or a directory. What it enters it has opened, so no link leads it elsewhere. */
export async function remove(roots: Roots, { path: sent, recursive }: RemoveFile, breathe: () => Promise<void>): Promise<FilesHead> {
  const path = absolute(roots, sent);
  const place = placeOf(roots, path);
  try {
    const stat = attempt(path, () => lstatIn(place));
    if (stat === undefined) throw new FileFault('not_found', `There is no ${shown(path)}.`);
    if (recursive && stat.isDirectory()) await removeBelow(place.directory, place.name, path, breathe, 0);
    attempt(path, () => (stat.isDirectory() ? rmdirSync : unlinkSync)(place.directory.in(place.name)));
    return { ok: true };
  } finally {
    place.directory.close();
  }
}

async function removeBelow(parent: Pinned, name: Bytes, path: Bytes, breathe: () => Promise<void>, level: number): Promise<void> {
  if (level > MAX_LEVELS) throw new FileFault('conflict', `${shown(path)} is nested too deeply. Remove it with a command.`);
  const directory = attempt(path, () => pinBelow(parent, name));
  try {
    // Read in parts: entries that are removed meanwhile cannot hide others.
    for (let isLeft = true; isLeft; ) {
      const found = attempt(path, () => someOf(directory));
      isLeft = found.length > 0;
      for (const { name: inner, isDirectory } of found) {
        const below = `${path}/${inner}`;
        if (isDirectory) await removeBelow(directory, inner, below, breathe, level + 1);
        attempt(below, () => (isDirectory ? rmdirSync : unlinkSync)(directory.in(inner)));
      }
      await breathe();
    }
  } finally {
    directory.close();
  }
}

const SOME = 1000;

function someOf(directory: Pinned): readonly { readonly name: Bytes; readonly isDirectory: boolean }[] {
  const opened = opendirSync(directory.path, { encoding: 'latin1', bufferSize: 256 });
  const found: { name: Bytes; isDirectory: boolean }[] = [];
  try {
    for (let one = opened.readSync(); one !== null && found.length < SOME; one = opened.readSync())
      found.push({ name: one.name, isDirectory: one.isDirectory() });
  } finally {
    opened.closeSync();
  }
  return found;
}

function within<Result>(roots: Roots, path: Bytes, work: (place: ReturnType<typeof placeOf>) => Result): Result {
  const place = placeOf(roots, path);
  try {
    return attempt(path, () => work(place));
  } finally {
    place.directory.close();
  }
}
