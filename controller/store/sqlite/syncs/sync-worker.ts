/** The sync thread: forces what was written to the write-ahead log onto the disk when asked. */
import { fdatasyncSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { SyncAnswer } from './syncer.ts';

const log = openSync(workerData.path, 'r');

function sync(): SyncAnswer {
  try {
    const startedAt = performance.now();
    fdatasyncSync(log);
    return { tookMs: performance.now() - startedAt };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
    return { error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}

parentPort?.on('message', () => parentPort?.postMessage(sync()));
