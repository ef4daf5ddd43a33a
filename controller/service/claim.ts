import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLock, lockFile } from '../../seams/file-lock.ts';
import { remedyFor } from '../services/engine/transaction-lost.ts';

/** One that was just told to end can hold its directory for a moment longer. */
const WAIT_S = 2;

/**
 * Locks a controller's directory for this process. Two controllers on one database would each
 * answer from a memory of their own, and the second takes the first one's registry away.
 */
export async function claim(directory: string): Promise<FileLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await lockFile(join(directory, 'controller.lock'), WAIT_S);
  if (lock === undefined) throw new Error(`another controller runs on ${directory}. Stop it first, or set another data_dir`);
  return lock;
}

/** What keeps the controller of this directory from starting, and what to do about it. */
export function startProblem(error: unknown, directory: string): string {
  if (!(error instanceof Error)) return String(error);
  if (!('code' in error)) return error.message;
  if (String(error.code).startsWith('SQLITE_')) return `Cannot open ${join(directory, 'raworc.db')}: ${error.message}. ${remedyFor(error)}`;
  if (error.code !== 'EADDRINUSE') return error.message;
  const [where = 'a port'] = /\S+:\d+$/.exec(error.message) ?? [];
  return `another program listens on ${where}. Stop it, or set another http_port, node_port or join_port`;
}
