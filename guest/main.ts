import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXEC } from '../proto/streams/exec-stream.ts';
import { FILES } from '../proto/streams/files-stream.ts';
import { PORT, PORTS } from '../proto/streams/port-stream.ts';
import { PROCESS, PROCESSES } from '../proto/streams/process-stream.ts';
import { barriersIn, jsonLog, systemClock, systemDisk, systemRandom } from '../seams/system.ts';
import { Guest } from './guest.ts';
import { socketDialer } from './host/socket-dialer.ts';
import { KeptLines } from './logs/kept-lines.ts';
import { connectPort, readTables } from './ports/system-ports.ts';
import { ProcessTable } from './processes/process-table.ts';
import { readSettings } from './settings.ts';
import { execStream } from './streams/exec.ts';
import { portStream, portsStream } from './streams/port.ts';
import { processesStream, processStream } from './streams/processes.ts';
import { prepareAccounts } from './volume/accounts.ts';
import { DISK_FULL_EXIT, isDiskFull } from './volume/disk-full.ts';
import { prepareVolume } from './volume/volume.ts';
import { Processes } from './workers/processes.ts';
import { terminalBinding } from './workers/terminals/binding.ts';

/** Size of both files of the mailbox together: enough for the largest message and answer. */
const MAILBOX_BYTES = 3 * 1024 * 1024;

const log = jsonLog('guest');
try {
  const { sessionId, socket, sessionDirectory, agentsDirectory, path, user, barriers, runLimitMs, processes, isWorkstation } = readSettings(
    process.env,
  );
  if (isWorkstation && user !== undefined) prepareAccounts(user);
  const directory = prepareVolume({ directory: sessionDirectory, agentsDirectory, user });
  // The workers' programs are in the directory of the bundle, or in their source folder.
  const beside = existsSync(join(import.meta.dirname, 'worker.py'));
  const workers = new Processes({
    places: { sessionId, sessionDirectory, agentsDirectory, path },
    user,
    workersDirectory: beside ? import.meta.dirname : join(import.meta.dirname, 'workers'),
    filesProgram: beside ? join(import.meta.dirname, 'files.mjs') : join(import.meta.dirname, 'files', 'main.ts'),
    clock: systemClock,
    binding: terminalBinding(import.meta.dirname),
    processes,
    isWorkstation,
  });
  // Programs on terminals inherit the groups of this process. It needs none: its own is enough.
  if (user !== undefined) process.setgroups?.([]);
  const table = new ProcessTable({
    clock: systemClock,
    start: workers.startKept,
    keepingAwake: (count) => guest.keepAwake(count),
  });
  const guest: Guest = await Guest.open({
    sessionId,
    version: process.env.RAWORC_VERSION ?? 'source',
    directory,
    mailboxBytes: MAILBOX_BYTES,
    runLimitMs,
    workers,
    lines: new KeptLines(directory, sessionId, systemClock),
    streams: {
      [EXEC]: execStream(workers.startCommand, systemClock),
      [PROCESSES]: processesStream(table),
      [PROCESS]: processStream(table),
      [PORT]: portStream(connectPort, systemClock),
      [PORTS]: portsStream(readTables, systemClock),
    },
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
