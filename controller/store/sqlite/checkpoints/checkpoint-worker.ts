/** The checkpoint thread: copies the write-ahead log into the database when asked. */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { CheckpointAnswer, LogState } from './checkpointer.ts';

/** Each pass copies what was committed during the one before. After so many, commits wait for the rest. */
const MAX_PASSES = 8;
/** Frames that are copied so fast that few come meanwhile. 16 MiB. */
const SHORT_PASS = 4096;

const database = new Database(workerData.path);
// The default; written out because a lower level would sync neither file.
database.pragma('synchronous = FULL');
const checkpoint = database.prepare<[], LogState>('pragma wal_checkpoint(passive)');

/** Frames that the last pass left copied. Fewer later: the log has begun again. */
let copied = 0;

/** Copies until a pass was short, or a reader keeps the rest from being copied. */
function copy(): CheckpointAnswer {
  try {
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      // The log as it was when the pass began.
      const { log, checkpointed } = checkpoint.get() ?? { log: 0, checkpointed: 0 };
      if (checkpointed < log) return { isHeld: true };
      const before = checkpointed < copied ? 0 : copied;
      copied = checkpointed;
      if (checkpointed - before <= SHORT_PASS) break;
    }
    return { isHeld: false };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', () => parentPort?.postMessage(copy()));
