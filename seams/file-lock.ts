import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';

/** A lock that is released when it is closed or its process ends. */
export interface FileLock {
  close(): Promise<void>;
}

/**
 * Locks a file for this process. Node.js has no flock(2), so the program flock locks a shared
 * descriptor. Returns undefined when another process still holds it after `waitS`.
 */
export async function lockFile(path: string, waitS = 0): Promise<FileLock | undefined> {
  const file = await open(path, 'a', 0o600);
  try {
    const wait = waitS === 0 ? ['-n'] : ['-w', String(waitS)];
    const child = spawn('flock', ['-x', ...wait, '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] });
    const [code] = await once(child, 'exit');
    if (code === 0) return { close: () => file.close() };
    if (code !== 1) throw new Error(`flock ended with ${code}`);
    await file.close();
    return undefined;
  } catch (error) {
    await file.close();
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Error(`Cannot lock ${path}: ${isMissing ? 'the program flock is missing, install util-linux' : String(error)}.`, {
      cause: error,
    });
  }
}
