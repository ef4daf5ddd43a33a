import { chmodSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import type { ChangeMode, MakeDirectory, MoveFile, StatFile } from '../../proto/streams/files-request.ts';
import type { FilesHead } from '../../proto/streams/files-stream.ts';
import { entryAt } from './entries.ts';
import { attempt, FileFault, shown } from './faults.ts';
import { type MoveDeps, moveAcross } from './move-across.ts';
import { absolute, checkIsNotAbove, lstatIn, makeDirectories, type Place, pin, placeOf, type Roots } from './places.ts';

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

/** Renames, or copies and removes if that leads to another file system. A link itself is moved, not what it leads to. */
export async function move(roots: Roots, { path: sent, to: target, parents, overwrite }: MoveFile, deps: MoveDeps): Promise<FilesHead> {
  const path = absolute(roots, sent);
  const to = absolute(roots, target);
  const from = placeOf(roots, path);
  try {
    checkIsNotAbove(roots, from);
    const stat = attempt(path, () => lstatSync(from.directory.in(from.name)));
    const place = placeOf(roots, to, parents);
    try {
      const there = lstatIn(place);
      if (there !== undefined && !overwrite)
        throw new FileFault('conflict', `${shown(to)} exists already. Send overwrite=true to replace it.`);
      if (!attempt(to, () => isRenamed(from, place))) await moveAcross(from, stat, place, deps);
      return { ok: true, entry: attempt(to, () => entryAt(to, place.directory.in(place.name))), created: there === undefined };
    } finally {
      place.directory.close();
    }
  } finally {
    from.directory.close();
  }
}

function isRenamed(from: Place, to: Place): boolean {
  try {
    renameSync(from.directory.in(from.name), to.directory.in(to.name));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EXDEV') return false;
    throw error;
  }
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

function within<Result>(roots: Roots, path: Bytes, work: (place: ReturnType<typeof placeOf>) => Result): Result {
  const place = placeOf(roots, path);
  try {
    return attempt(path, () => work(place));
  } finally {
    place.directory.close();
  }
}
