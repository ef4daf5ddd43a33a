import { accessSync, chmodSync, chownSync, constants, mkdirSync, renameSync, rmdirSync, type Stats } from 'node:fs';
import { packFile, packFolder } from '../../archive/pack-folder.ts';
import { type Unpacked, Unpacker } from '../../archive/unpack-folder.ts';
import { type Bytes, bufferOf } from '../../proto/streams/files-paths.ts';
import { tagOf } from './entries.ts';
import { attempt, FileFault, faultOf, shown } from './faults.ts';
import type { Leftovers } from './leftovers.ts';
import { PinnedFolder } from './pinned-folder.ts';
import { lstatIn, type Pinned, type Place, pinBelow } from './places.ts';
import { removeIn } from './remove.ts';

export interface MoveDeps {
  readonly leftovers: Pick<Leftovers, 'name' | 'sweep'>;
  /** Whether this process is root's, which keeps the owners of what it moves. */
  readonly isRoot: boolean;
  breathe(): Promise<void>;
  /** Whether the caller has gone. */
  isOver(): boolean;
}

/**
 * Moves to another file system: copies to a temporary directory beside the target, which nobody sees
 * half, gives the copy its name, and only then removes the original. In a workstation each directory
 * directly below the root is one for the kernel.
 */
export async function moveAcross(from: Place, stat: Stats, to: Place, deps: MoveDeps): Promise<void> {
  const { leftovers, breathe } = deps;
  // Before anything is copied that could not be removed afterwards.
  attempt(from.shown, () => accessSync(from.directory.path, constants.W_OK));
  await leftovers.sweep(to.directory);
  const name = leftovers.name();
  attempt(to.shown, () => mkdirSync(to.directory.in(name), { mode: 0o700 }));
  let beside: Pinned | undefined;
  try {
    beside = attempt(to.shown, () => pinBelow(to.directory, name));
    await copy(from, stat, beside, to, deps);
    const now = lstatIn(from);
    if (now === undefined || (!stat.isDirectory() && tagOf(now) !== tagOf(stat)))
      throw new FileFault('conflict', `${shown(from.shown)} was changed while it was moved. Nothing was moved: try again.`);
    const copied = beside.in(from.name);
    attempt(to.shown, () => renameSync(copied, to.directory.in(to.name)));
    rmdirSync(to.directory.in(name));
  } catch (error) {
    await removeIn(to.directory, name, name, undefined, breathe).catch(() => undefined);
    throw error;
  } finally {
    beside?.close();
  }
  // What cannot be removed is still there, and whole where it came to.
  await removeIn(from.directory, from.name, from.shown, stat, breathe);
}

async function copy(
  from: Place,
  stat: Stats,
  beside: Pinned,
  to: Place,
  { isRoot, breathe, isOver }: Omit<MoveDeps, 'leftovers'>,
): Promise<Unpacked> {
  const opened: Pinned[] = [];
  let comment: Bytes | undefined;
  const below = (parent: Pinned): Pinned => {
    const found = attempt(from.shown, () => pinBelow(parent, from.name));
    opened.push(found);
    return found;
  };
  const left = (text: Bytes) => {
    comment = text;
  };
  let unpacker: Unpacker | undefined;
  try {
    if (stat.isDirectory()) attempt(to.shown, () => mkdirSync(beside.in(from.name), { mode: 0o700 }));
    const [source, target] = stat.isDirectory() ? [below(from.directory), below(beside)] : [from.directory, beside];
    const folder = new PinnedFolder(source);
    unpacker = new Unpacker(new PinnedFolder(target), { modes: 0o7777, hasOwners: isRoot, comment: left, isSynced: true });
    for (const piece of stat.isDirectory() ? packFolder(folder) : packFile(folder, from.name)) {
      if (isOver()) throw new FileFault('conflict', 'The request ended before the move did. Nothing was moved.');
      unpacker.write(piece);
      await breathe();
    }
    const unpacked = unpacker.finish();
    if (comment !== undefined)
      throw new FileFault(
        'conflict',
        `Only files, directories and links that can be read move to another file system, and there are others: ${bufferOf(comment)}.`,
      );
    if (stat.isDirectory()) {
      if (isRoot) chownSync(beside.in(from.name), stat.uid, stat.gid);
      chmodSync(beside.in(from.name), stat.mode & 0o7777);
    }
    return unpacked;
  } catch (error) {
    throw faultOf(error, to.shown);
  } finally {
    unpacker?.close();
    for (const one of opened) one.close();
  }
}
