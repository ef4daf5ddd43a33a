import { lstat, mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sync } from '../../seams/sync.ts';
import { type DiskRecord, decodeDiskRecord, encodeDiskRecord } from './disk-record.ts';

/**
 * The layout of disks below the node's data directory:
 *
 *     disks/{session}/record.json    the record of the disk
 *     disks/{session}/passwd         the accounts that the session sees
 *     disks/{session}/image          the file system, for disks of the kind `image`
 *     disks/{session}/fs             its mount point, or else a directory
 *     disks/{session}/fs/{id}        what the session sees as /session
 *     disks/{session}/fs/{id}.root   the changes to its root, of a workstation
 *     disks/{session}/root           where its root is mounted
 *     disks/.making-{session}        a disk that is being created
 *     disks/.ready-{id}              an empty, mounted file system for a future disk
 *     disks/.adopting-{session}      a disk that is being created, perhaps with the only copy of its
 *                                    files: cleared once they are elsewhere
 *     disks/.gone-{id}               a disk that is being removed
 *
 * A session sees only fs/{id}, and what is mounted as its root. Each disk has a new `id`. An unmounted or wrong image has no such
 * directory, so the engine refuses to mount it.
 */
export const recordOf = (directory: string) => join(directory, 'record.json');
export const passwdOf = (directory: string) => join(directory, 'passwd');
export const imageOf = (directory: string) => join(directory, 'image');
export const placeOf = (directory: string) => join(directory, 'fs');
export const filesOf = (directory: string, { id }: Pick<DiskRecord, 'id'>) => join(placeOf(directory), id);

/** Beside what the session sees: it cannot replace these directories. */
export const layersOf = (directory: string, disk: Pick<DiskRecord, 'id'>) => `${filesOf(directory, disk)}.root`;
export const rootOf = (directory: string) => join(directory, 'root');

const MAKING = '.making-';
const ADOPTING = '.adopting-';
const READY = '.ready-';
const GONE = '.gone-';
export const makingName = (sessionId: string) => `${MAKING}${sessionId}`;
export const adoptingName = (sessionId: string) => `${ADOPTING}${sessionId}`;
export const sessionInAdoption = (name: string) => (name.startsWith(ADOPTING) ? name.slice(ADOPTING.length) : undefined);
export const readyName = (id: string) => `${READY}${id}`;
export const idInReady = (name: string) => (name.startsWith(READY) ? name.slice(READY.length) : undefined);
export const goneName = (id: string) => `${GONE}${id}`;
export const sessionInMaking = (name: string) => (name.startsWith(MAKING) ? name.slice(MAKING.length) : undefined);
export const isGone = (name: string) => name.startsWith(GONE);
export const isDiskName = (name: string) => !name.startsWith('.');

export async function readRecord(directory: string): Promise<DiskRecord | undefined> {
  const text = await unlessMissing(readFile(recordOf(directory), 'utf8'));
  return text === undefined ? undefined : decodeDiskRecord(text);
}

/** Returns undefined if there is no disk: its directory, record, or file system is missing. */
export async function readDisk(directory: string): Promise<DiskRecord | undefined> {
  const disk = await readRecord(directory);
  if (disk === undefined) return undefined;
  const made = disk.kind === 'image' ? imageOf(directory) : filesOf(directory, disk);
  return (await unlessMissing(lstat(made))) === undefined || disk.session !== basename(directory) ? undefined : disk;
}

/** Resolves once it is durable. */
export async function writeRecord(directory: string, disk: DiskRecord): Promise<void> {
  const file = await open(`${recordOf(directory)}.new`, 'w', 0o600);
  try {
    await file.writeFile(encodeDiskRecord(disk));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${recordOf(directory)}.new`, recordOf(directory));
  await sync(directory);
}

/** Replaces the file if it differs. A running container keeps the file that it was started with. */
export async function writePasswd(directory: string, content: string): Promise<void> {
  const path = passwdOf(directory);
  if ((await unlessMissing(readFile(path, 'utf8'))) === content) return;
  await writeFile(`${path}.new`, content, { mode: 0o644 });
  await rename(`${path}.new`, path);
}

/** Resolves once it is durable. Mounts below it move along. */
export async function move(from: string, to: string, parent: string): Promise<void> {
  await rename(from, to);
  await sync(parent);
}

/** Returns whether something is mounted at `directory`/fs, or another place in it. */
export async function isMounted(directory: string, place = placeOf(directory)): Promise<boolean> {
  const [outer, inner] = await Promise.all([unlessMissing(lstat(directory)), unlessMissing(lstat(place))]);
  return outer !== undefined && inner !== undefined && outer.dev !== inner.dev;
}

export async function entriesOf(directory: string): Promise<string[]> {
  return (await unlessMissing(readdir(directory))) ?? [];
}

export const makeDirectory = (directory: string) => mkdir(directory, { recursive: true, mode: 0o700 });

export async function exists(path: string): Promise<boolean> {
  return (await unlessMissing(lstat(path))) !== undefined;
}

/** Returns undefined if the file does not exist. */
export async function unlessMissing<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}
