import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from './command.ts';
import { exists, filesOf, makeDirectory, placeOf, readRecord, syncDirectory, writeRecord } from './disk-files.ts';
import type { DiskRecord } from './disk-record.ts';

const COPY_MS = 3_600_000;
const PART = '.part';

/**
 * Moves a directory's files into a disk that is being made in `adopting`, and leaves a plain file
 * in their place, so that whatever still expects them fails instead of finding an empty directory.
 * Wherever it is cut off, the files are whole in one of the two places:
 *
 *     1. the record is written and synced         nothing was moved: begin again
 *     2. the files are moved by one rename        they are in the new place: {@link isFilled}
 *        or, between file systems, copied, synced, and the copy renamed to its name; the
 *        original stays until the engine's volume is removed
 *     3. the caller moves `adopting` to its name  the disk is there
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
    // Nothing runs on them, and no link in them is followed.
    await run('cp', ['-a', '--one-file-system', '--reflink=auto', '--sparse=auto', '--', `${from}/.`, `${part}/`], { mayTakeMs: COPY_MS });
    await run('sync', ['-f', part], { mayTakeMs: COPY_MS });
    await rename(part, files);
    await syncDirectory(placeOf(adopting));
    await rename(from, `${from}-adopted`);
  }
  await syncDirectory(placeOf(adopting));
  await leaveNotice(from, disk);
}

/** The disk that was being filled, once it has all of its files; undefined before. */
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
  await writeFile(from, `The files of session ${session} are the node agent's now, in disk ${id}.\n`, { flag: 'wx' });
  await syncDirectory(dirname(from));
}
