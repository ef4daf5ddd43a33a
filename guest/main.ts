import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXEC } from '../proto/streams/exec-stream.ts';
import { FILES } from '../proto/streams/files-stream.ts';
import { barriersIn, jsonLog, systemClock, systemDisk, systemRandom } from '../seams/system.ts';
import { Guest } from './guest.ts';
import { socketDialer } from './host/socket-dialer.ts';
import { KeptLines } from './logs/kept-lines.ts';
import { readSettings } from './settings.ts';
import { execStream } from './streams/exec.ts';
import { DISK_FULL_EXIT, isDiskFull } from './volume/disk-full.ts';
import { prepareVolume } from './volume/volume.ts';
import { Processes } from './workers/processes.ts';

/** Size of both files of the mailbox together: enough for the largest message and answer. */
const MAILBOX_BYTES = 3 * 1024 * 1024;

const log = jsonLog('guest');
try {
  const { sessionId, socket, sessionDirectory, agentsDirectory, path, user, barriers, runLimitMs, processes, isWorkstation } = readSettings(
    process.env,
  );
  const directory = prepareVolume({ directory: sessionDirectory, agentsDirectory, user });
  // The workers' programs are in the directory of the bundle, or in their source folder.
  const beside = existsSync(join(import.meta.dirname, 'worker.py'));
  const workers = new Processes({
    places: { sessionId, sessionDirectory, agentsDirectory, path },
    user,
    workersDirectory: beside ? import.meta.dirname : join(import.meta.dirname, 'workers'),
    filesProgram: beside ? join(import.meta.dirname, 'files.mjs') : join(import.meta.dirname, 'files', 'main.ts'),
    clock: systemClock,
    processes,
    isWorkstation,
  });
  const guest = await Guest.open({
    sessionId,
    version: process.env.RAWORC_VERSION ?? 'source',
    directory,
    mailboxBytes: MAILBOX_BYTES,
    runLimitMs,
    workers,
    lines: new KeptLines(directory, sessionId, systemClock),
    streams: { [EXEC]: execStream(workers.startCommand, systemClock) },
    relays: { [FILES]: workers.relayFiles },
    dialer: socketDialer(socket, systemClock),
    disk: systemDisk,
    clock: systemClock,
    random: systemRandom,
    barriers: barriersIn(barriers),
    log,
  });
  log.info('guest.started', { session: sessionId });
  // Signals end the process at once, because all state is in the mailbox.
  await guest.run();
} catch (fault) {
  log.error('guest.failed', { error: fault instanceof Error ? fault.message : String(fault) });
  process.exit(isDiskFull(fault) ? DISK_FULL_EXIT : 1);
}
