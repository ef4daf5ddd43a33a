import { BYTES_PER_FILE, type DiskLeft } from '../../domain/disk-use.ts';
import type { Command } from '../command.ts';
import { exists, filesOf, isMounted, layersOf, makeDirectory, rootOf } from '../disk-files.ts';
import type { DiskRecord } from '../disk-record.ts';
import type { DisksDeps } from '../disks-deps.ts';
import { boundByProject } from '../quota.ts';
import { usedBytes, usedFiles } from '../usage.ts';
import { fillLayers, mountOverlay } from './overlay.ts';

type Deps = Pick<DisksDeps, 'run' | 'lowerOf'>;

/** Mounts the root of a session unless it is mounted: that of an image, with the changes on the disk. */
export async function mountRoot({ run, lowerOf }: Deps, directory: string, disk: DiskRecord, image: string): Promise<void> {
  if (await isMounted(directory, rootOf(directory))) return;
  const lower = await lowerOf?.(image);
  if (lower === undefined) throw new Error(`the root of the image ${image} is not on this host`);
  const layers = layersOf(directory, disk);
  await makeLayers(run, layers, disk);
  await mountOverlay(run, lower, layers, rootOf(directory));
}

/** Creates the layers of a root, unless they exist. They count for the quota of the disk. */
export async function makeLayers(run: Command, layers: string, { project, bytes }: DiskRecord): Promise<void> {
  if (!(await exists(layers))) {
    await makeDirectory(layers);
    if (project !== undefined) await boundByProject(run, layers, project, bytes);
  }
  await fillLayers(layers);
}

export async function unmountRoot({ run }: Deps, directory: string): Promise<void> {
  if (await isMounted(directory, rootOf(directory))) await run('umount', [rootOf(directory)]);
}

/** Returns the directories with a session's files. */
export async function filesIn(directory: string, disk: DiskRecord): Promise<readonly string[]> {
  const layers = layersOf(directory, disk);
  return [filesOf(directory, disk), ...((await exists(layers)) ? [layers] : [])];
}

/** Returns what a session can still write to a measured disk. Counts every file of it. */
export async function measuredLeft(run: Command, directory: string, disk: DiskRecord): Promise<DiskLeft> {
  let left: DiskLeft = { bytes: disk.bytes, files: disk.bytes / BYTES_PER_FILE };
  for (const files of await filesIn(directory, disk))
    left = { bytes: left.bytes - (await usedBytes(run, files)), files: left.files - (await usedFiles(run, files)) };
  return left;
}
