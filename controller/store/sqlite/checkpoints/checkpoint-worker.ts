/** The checkpoint thread: copies the write-ahead log into the database when asked. */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { CheckpointAnswer, LogState } from './checkpointer.ts';

/** Each pass copies what was committed during the one before, so the second is short. */
const MAX_PASSES = 4;

const database = new Database(workerData.path);
// The default; written out because a lower level would sync neither file.
database.pragma('synchronous = FULL');
const checkpoint = database.prepare<[], LogState>('pragma wal_checkpoint(passive)');

function copy(): CheckpointAnswer {
  try {
    let state: LogState = { log: 0, checkpointed: 0 };
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      state = checkpoint.get() ?? state;
      if (state.checkpointed >= state.log) break;
    }
    return { log: state.log, checkpointed: state.checkpointed };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', () => parentPort?.postMessage(copy()));
