/**
 * Small files for keys: readable by their owner only, and never half written. For edges, which can
 * access the disk directly.
 */
import { constants, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from './make-directory.ts';
import { sync } from './sync.ts';

/** Creates the directory with mode 0700, and narrows an existing one to that. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await makeDirectory(dirname(path));
  await makeDirectory(path, 0o700);
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.chmod(0o700);
  } finally {
    await directory.close();
  }
}

/**
 * Writes the file with mode 0600 and resolves once the new content is durable. After a crash at any
 * moment the file has the old content, the new content, or does not exist.
 */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await sync(dirname(path));
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Returns undefined when the file does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Like {@link readIfThere}, but throws if anyone except the owner can open the file: its key is no
 * longer secret.
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      const bits = (mode & 0o777).toString(8).padStart(3, '0');
      throw new Error(
        `${path} is readable by other users (mode 0${bits}). Run "chmod 600 ${path}", and replace the key if others use this machine.`,
      );
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
