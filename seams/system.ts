/** The real clock, randomness, disk, barriers and log. Only main.ts files and tests import it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { access, constants, type FileHandle, open, rename, rm, statfs } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { type Barriers, noBarriers } from './barrier.ts';
import type { Clock } from './clock.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { FreeSpace } from './free-space.ts';
import type { Log, LogFields, LogLevel } from './log.ts';
import { makeDirectory } from './make-directory.ts';
import type { Random } from './random.ts';
import { sync } from './sync.ts';
import { visibleText } from './terminal-text.ts';

let bootId: string | undefined;

function sinceBoot() {
  try {
    bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { id: bootId, ms: uptime() * 1000 };
  } catch {
    return undefined;
  }
}
/** The longest delay of a Node.js timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sinceBoot,
  after(delayMs, run) {
    let leftMs = delayMs;
    const wait = (): NodeJS.Timeout => {
      const stepMs = Math.min(leftMs, MAX_TIMER_MS);
      leftMs -= stepMs;
      return setTimeout(() => {
        if (leftMs > 0) timer = wait();
        else run();
      }, stepMs);
    };
    let timer = wait();
    return { cancel: () => clearTimeout(timer) };
  },
  soon(run) {
    const immediate = setImmediate(run);
    return { cancel: () => clearImmediate(immediate) };
  },
};

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

const ZEROES = new Uint8Array(64 * 1024);

async function writeAll(file: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

async function openFile(path: string): Promise<DiskFile> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  // O_DSYNC combines the write and its sync in one system call: one trip to the thread pool.
  const durable = await open(path, constants.O_WRONLY | constants.O_DSYNC | constants.O_NOFOLLOW).catch(async (fault: unknown) => {
    await file.close();
    throw fault;
  });
  return {
    size: async () => (await file.stat()).size,
    async read(position, length) {
      const bytes = new Uint8Array(length);
      let got = 0;
      while (got < length) {
        const { bytesRead } = await file.read(bytes, got, length - got, position + got);
        if (bytesRead === 0) break;
        got += bytesRead;
      }
      return bytes.subarray(0, got);
    },
    write: (position, bytes) => writeAll(file, position, bytes),
    writeDurably: (position, bytes) => writeAll(durable, position, bytes),
    sync: () => file.datasync(),
    async allocate(length) {
      const size = (await file.stat()).size;
      for (let at = size; at < length; at += ZEROES.byteLength) await file.write(ZEROES, 0, Math.min(ZEROES.byteLength, length - at), at);
      await file.sync();
    },
    async close() {
      await durable.close();
      await file.close();
    },
  };
}

export const systemDisk: Disk = {
  open: openFile,
  exists: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
  async rename(from, to) {
    await rename(from, to);
    await sync(dirname(to));
  },
  remove: (path) => rm(path, { force: true, recursive: true }),
  async makeDirectory(path, mode) {
    await makeDirectory(dirname(path));
    await makeDirectory(path, mode);
  },
  syncDirectory: sync,
};

export const systemFreeSpace: FreeSpace = async (path) => {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
};

/**
 * Barriers as files in `directory`, for tests that kill this process at a known step
 * (seams/barrier.ts).
 */
export function barriersIn(directory: string | undefined): Barriers {
  if (directory === undefined) return noBarriers;
  return {
    reach(name) {
      const hold = join(directory, `${name}.hold`);
      if (!existsSync(hold)) return undefined;
      return new Promise((resolve) => {
        const watcher = watch(directory, () => {
          if (existsSync(hold)) return;
          watcher.close();
          resolve();
        });
        writeFileSync(join(directory, `${name}.reached`), '');
      });
    },
  };
}

/** Logs one JSON object per line to standard output: at, level, event, then the fields. */
export function jsonLog(process_: string, minimum: LogLevel = 'info'): Log {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
  const write = (level: LogLevel, event: string, fields: LogFields | undefined) => {
    if (levels.indexOf(level) < levels.indexOf(minimum)) return;
    const line = JSON.stringify({ at: new Date().toISOString(), level, process: process_, event, ...fields });
    // JSON.stringify escapes neither C1 controls nor bidirectional overrides.
    process.stdout.write(`${visibleText(line)}\n`);
  };
  return {
    debug: (event, fields) => write('debug', event, fields),
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}
