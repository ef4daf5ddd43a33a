import { createHash } from 'node:crypto';
import { chmod, constants, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

export interface GuestFilesOptions {
  /** The directory with the built guest: guest.mjs and the worker programs. */
  readonly builtDirectory: string;
  /** The native part of terminals, of this processor. Undefined: without terminals. */
  readonly terminalsPath?: string | undefined;
  /** The Node.js binary that runs the guest. */
  readonly nodePath: string;
  /** Its version, which is part of the name. */
  readonly nodeVersion: string;
  /**
   * Versions are kept side by side below it: a container keeps the version with which it was
   * created.
   */
  readonly directory: string;
}

/** The guest loads it from its own directory. */
const TERMINALS = 'pty.node';

/**
 * Copies the guest and its Node.js into a directory named after their content, and returns it. The
 * directory is complete or absent, and never changes. Throws when the guest was not built.
 */
export async function installGuestFiles({
  builtDirectory,
  terminalsPath,
  nodePath,
  nodeVersion,
  directory,
}: GuestFilesOptions): Promise<string> {
  const names = (await filesBelow(builtDirectory).catch(() => [])).sort();
  if (!names.includes('guest.mjs')) throw new Error(`the guest has not been built: ${join(builtDirectory, 'guest.mjs')} is missing`);
  const hash = createHash('sha256').update(`${nodeVersion}\0${(await stat(nodePath)).size}\0`);
  for (const name of names) hash.update(`${name}\0`).update(await readFile(join(builtDirectory, name)));
  if (terminalsPath !== undefined) hash.update(`${TERMINALS}\0`).update(await readFile(terminalsPath));
  const installed = join(directory, hash.digest('hex').slice(0, 16));
  if (await isThere(installed)) return installed;

  await mkdir(directory, { recursive: true, mode: 0o755 });
  const draft = await mkdtemp(join(directory, '.new-'));
  try {
    for (const name of names) {
      await mkdir(dirname(join(draft, name)), { recursive: true, mode: 0o755 });
      await copyFile(join(builtDirectory, name), join(draft, name));
      await chmod(join(draft, name), 0o644);
    }
    if (terminalsPath !== undefined) {
      await copyFile(terminalsPath, join(draft, TERMINALS));
      await chmod(join(draft, TERMINALS), 0o644);
    }
    await copyFile(nodePath, join(draft, 'node'), constants.COPYFILE_FICLONE);
    await chmod(join(draft, 'node'), 0o755);
    await chmod(draft, 0o755);
    await rename(draft, installed).catch(async (error: unknown) => {
      // Another process installed the same content first.
      if (!(await isThere(installed))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return installed;
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => relative(directory, join(parentPath, name)));
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
