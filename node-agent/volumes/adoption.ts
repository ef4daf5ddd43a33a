import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sync } from '../../seams/sync.ts';
import type { Command } from './command.ts';
import { exists, filesOf, makeDirectory, placeOf, readRecord, writeRecord } from './disk-files.ts';
import type { DiskRecord } from './disk-record.ts';

const COPY_MS = 3_600_000;
const PART = '.part';

/**
 * Moves a directory's files into the disk that is being created in `adopting`. Leaves a plain file
 * in their place, so that anything that still expects them fails instead of finding an empty
 * directory. After a crash, all files are in one of the two places:
 *
 *     1. The record is written and synced.        Nothing was moved: start again.
 *     2. The files are moved by one rename.       They are in the new place: {@link isFilled}.
 *        Between file systems they are copied and synced, and the copy is renamed; the original
 *        stays until the engine's volume is removed.
 *     3. The caller renames `adopting`.           The disk exists.
 */
export async function fillByAdoption(run: Command, adopting: string, disk: DiskRecord, from: string): Promise<void> {
  await makeDirectory(placeOf(adopting));
  await writeRecord(adopting, disk);
  const files = filesOf(adopting, disk);
  try {
    await rename(from, files);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    const part = join(placeOf(adopting), PART);
    await run('rm', ['-rf', '--one-file-system', '--', part]);
    await mkdir(part, { mode: 0o700 });
    // The files to move. Nothing runs on them, and no link in them is followed.
    await run('cp', ['-a', '--one-file-system', '--reflink=auto', '--sparse=auto', '--', `${from}/.`, `${part}/`], { mayTakeMs: COPY_MS });
    await run('sync', ['-f', part], { mayTakeMs: COPY_MS });
    await rename(part, files);
    await sync(placeOf(adopting));
    await rename(from, `${from}-adopted`);
  }
  await sync(placeOf(adopting));
  await leaveNotice(from, disk);
}

/** Returns the disk that is being filled, if it has all of its files. */
export async function isFilled(adopting: string): Promise<DiskRecord | undefined> {
  const disk = await readRecord(adopting);
  return disk !== undefined && (await exists(filesOf(adopting, disk))) ? disk : undefined;
}

/**
 * The engine would mount a directory here; with a plain file in its place, an old container does
 * not start.
 */
async function leaveNotice(from: string, { id, session }: DiskRecord): Promise<void> {
  if (await exists(from)) return;
  await writeFile(from, `The node agent has moved the files of session ${session} to disk ${id}.\n`, { flag: 'wx' });
  await sync(dirname(from));
}
