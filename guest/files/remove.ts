import { lstatSync, opendirSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import type { Bytes } from '../../proto/streams/files-paths.ts';
import type { RemoveFile } from '../../proto/streams/files-request.ts';
import type { FilesHead } from '../../proto/streams/files-stream.ts';
import { attempt, FileFault, shown } from './faults.ts';
import { absolute, checkIsNotAbove, lstatIn, type Pinned, pinBelow, placeOf, type Roots } from './places.ts';

/** Directories in one another that a removal enters. */
const MAX_LEVELS = 500;

/** Removes a file, a link or a directory. What it enters it has opened, so no link leads it elsewhere. */
export async function remove(roots: Roots, { path: sent, recursive }: RemoveFile, breathe: () => Promise<void>): Promise<FilesHead> {
  const path = absolute(roots, sent);
  const place = placeOf(roots, path);
  try {
    const stat = attempt(path, () => lstatIn(place));
    if (stat === undefined) throw new FileFault('not_found', `There is no ${shown(path)}.`);
    checkIsNotAbove(roots, place);
    if (recursive) await removeIn(place.directory, place.name, path, stat, breathe);
    else attempt(path, () => (stat.isDirectory() ? rmdirSync : unlinkSync)(place.directory.in(place.name)));
    return { ok: true };
  } finally {
    place.directory.close();
  }
}

/** Removes an entry of an open directory, with all that is below it. `path` is for messages. */
export async function removeIn(
  directory: Pinned,
  name: Bytes,
  path: Bytes,
  known: Stats | undefined,
  breathe: () => Promise<void>,
): Promise<void> {
  const isDirectory = (known ?? attempt(path, () => lstatSync(directory.in(name)))).isDirectory();
  if (isDirectory) await removeBelow(directory, name, path, breathe, 0);
  attempt(path, () => (isDirectory ? rmdirSync : unlinkSync)(directory.in(name)));
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
