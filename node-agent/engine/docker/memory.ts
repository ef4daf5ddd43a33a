import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';

/** At a time, so that a container that is to run again waits for no more than this. */
const PIECE_BYTES = 32 * 1024 * 1024;

/** The kernel's own files, and how they are read and written. */
export interface KernelFiles {
  /** /sys/fs/cgroup */
  readonly cgroups: string;
  /** /proc */
  readonly proc: string;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
}

export const kernelFiles: KernelFiles = {
  cgroups: '/sys/fs/cgroup',
  proc: '/proc',
  read: (path) => readFile(path, 'utf8'),
  write: (path, text) => writeFile(path, text),
};

/**
 * Returns the memory of frozen containers to the machine: with cgroup v2 and swap, it is swapped
 * out piece by piece in the background. Elsewhere it does nothing, and logs that once. Running
 * containers may not swap.
 *
 * https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.reclaim)
 */
export class MemoryReturn {
  readonly #files: KernelFiles;
  readonly #log: Log;
  readonly #underWay = new Map<string, AbortController>();
  #reported = false;

  constructor(files: KernelFiles, log: Log) {
    this.#files = files;
    this.#log = log;
  }

  /**
   * Begins with a container that was just frozen. Resolves when nothing more can be reclaimed or it
   * was ended; never rejects.
   */
  async begin(sessionId: string, pid: number): Promise<void> {
    this.end(sessionId);
    const ending = new AbortController();
    this.#underWay.set(sessionId, ending);
    try {
      const obstacle = await this.#return(sessionId, pid, ending.signal);
      if (obstacle !== undefined && !this.#reported) this.#log.debug('memory.kept', { reason: obstacle });
      this.#reported ||= obstacle !== undefined;
    } catch (error) {
      // It may have been unfrozen, or be gone.
      this.#log.debug('memory.return-failed', { session: sessionId, error: messageOf(error) });
    } finally {
      if (this.#underWay.get(sessionId) === ending) this.#underWay.delete(sessionId);
    }
  }

  /** It is to run again: the piece that is under way is the last. */
  end(sessionId: string): void {
    this.#underWay.get(sessionId)?.abort();
    this.#underWay.delete(sessionId);
  }

  close(): void {
    for (const sessionId of [...this.#underWay.keys()]) this.end(sessionId);
  }

  /** Why it cannot be done here, when it cannot. */
  async #return(sessionId: string, pid: number, signal: AbortSignal): Promise<string | undefined> {
    const { proc, cgroups, read, write } = this.#files;
    const swaps = await read(join(proc, 'swaps')).catch(() => '');
    if (swaps.trim().split('\n').length < 2) return 'this machine has no swap';
    const path = /^0::(\/.+)$/m.exec(await read(join(proc, String(pid), 'cgroup')))?.[1];
    if (path === undefined || path.split('/').includes('..')) return 'this machine has no cgroup v2';
    const file = (name: string) => join(cgroups, path, name);
    const bytes = async () => Number(await read(file('memory.current')).catch(() => Number.NaN));
    const before = await bytes();
    if (Number.isNaN(before)) return 'memory is not a controller of cgroup v2 here';
    const swapMax = await read(file('memory.swap.max'));
    await write(file('memory.swap.max'), 'max');
    let left = before;
    try {
      while (left > 0 && !signal.aborted) {
        // It fails where it could not do all of it, and has done what it could.
        await write(file('memory.reclaim'), String(Math.min(left, PIECE_BYTES))).catch(() => undefined);
        const now = await bytes();
        if (!(now < left)) break;
        left = now;
      }
    } finally {
      await write(file('memory.swap.max'), swapMax.trim());
    }
    this.#log.debug('memory.returned', { session: sessionId, beforeBytes: before, afterBytes: left });
    return undefined;
  }
}
