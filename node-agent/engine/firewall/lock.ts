import { mkdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '../../../seams/file-lock.ts';

const DIRECTORY = '/run/raworc';
/** A process that has the lock for longer is hung. */
const WAIT_S = 10;

/**
 * Runs `work` while no other node agent of this network namespace runs its own. The lock is a file
 * that only root can open. After ten seconds `work` runs without it: duplicate rules are better
 * than none.
 */
export async function alone<T>(name: string, work: () => Promise<T>, directory = DIRECTORY): Promise<T> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const namespace = /\d+/.exec(await readlink('/proc/self/ns/net'))?.[0] ?? '';
  const lock = await lockFile(join(directory, `${name}-${namespace}.lock`), WAIT_S);
  try {
    return await work();
  } finally {
    await lock?.close();
  }
}
