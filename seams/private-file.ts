/** Small files that hold keys: seen by their owner only, and never half written. For edges, which may touch the disk themselves. */
import { constants, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from './make-directory.ts';

/** Makes the directory, 0700, and closes one that was wider. */
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

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Mode 0600. After a crash at any moment the file holds the old content, the new, or is not there; it resolves once the new survives one. */
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
  await syncDirectory(dirname(path));
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Like {@link readIfThere}, and throws for a file that anyone but its owner may open: whatever it holds is no secret any more. */
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
        `${path} can be read by others (mode 0${bits}): run "chmod 600 ${path}", and replace the key if others use this machine`,
      );
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
