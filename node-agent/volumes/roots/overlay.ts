import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../seams/message-of.ts';
import type { Command } from '../command.ts';
import { exists } from '../disk-files.ts';

/** The layers of a session's root on its disk: what it changed, and the kernel's own working place. */
const upperOf = (layers: string) => join(layers, 'upper');
const workOf = (layers: string) => join(layers, 'work');

/** Attributes of users, not of the kernel: a copy keeps them without privileges. */
const OPTIONS = 'userxattr,nodev,noatime';

/** The kernel writes to the layers as who mounted them: with this capability, past every quota. */
const LIMITED = ['--bounding-set=-sys_resource', '--'];

/** In the options of a mount, these separate. */
const SPECIAL = /[,:\\]/;

/** Creates what is missing of the layers of a root. */
export async function fillLayers(layers: string): Promise<void> {
  for (const path of [upperOf(layers), workOf(layers)]) await mkdir(path, { recursive: true, mode: 0o755 });
}

/** Mounts a root: the unchanged one of an image with the changes in `layers`. */
export async function mountOverlay(run: Command, lower: string, layers: string, place: string): Promise<void> {
  const wrong = [lower, layers].find((path) => SPECIAL.test(path));
  if (wrong !== undefined) throw new Error(`the path ${wrong} contains a comma, colon or backslash`);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const layout = `lowerdir=${lower},upperdir=${upperOf(layers)},workdir=${workOf(layers)}`;
  await run('setpriv', [...LIMITED, 'mount', '-t', 'overlay', '-o', `${layout},${OPTIONS}`, 'raworc-root', place]);
}

/** Returns why roots cannot be mounted in a directory of this host; undefined if they can. */
export async function attemptOverlay(
  run: Command,
  directory: string,
  sees: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  const place = (name: string) => join(directory, name);
  let isMounted = false;
  try {
    await mkdir(place('lower/both'), { recursive: true, mode: 0o700 });
    await writeFile(place('lower/both/gone'), '');
    await fillLayers(place('layers'));
    await mountOverlay(run, place('lower'), place('layers'), place('root'));
    isMounted = true;
    // A removal and a replaced directory need what not every file system has.
    await run('rm', ['-r', place('root/both')]);
    await mkdir(place('root/both'));
    if (await exists(place('root/both/gone'))) return 'a file that was removed is there again';
    return (await sees(place('root/both'))) ? undefined : 'Docker does not see what the node agent mounts';
  } catch (error) {
    return messageOf(error);
  } finally {
    if (isMounted) await run('umount', [place('root')]).catch(() => undefined);
    await run('rm', ['-rf', '--one-file-system', '--', directory]).catch(() => undefined);
  }
}
