import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';

/** Bytes per step. A container that has to run again waits for at most one step. */
const PIECE_BYTES = 32 * 1024 * 1024;

/** Access to the kernel's files. */
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
   * Starts reclaiming a container that was just frozen. Resolves when nothing more can be reclaimed
   * or it was stopped. Never rejects.
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
      // The container can have been resumed or removed.
      this.#log.debug('memory.return-failed', { session: sessionId, error: messageOf(error) });
    } finally {
      if (this.#underWay.get(sessionId) === ending) this.#underWay.delete(sessionId);
    }
  }

  /** Stops reclaiming after the current step, because the container will run again. */
  end(sessionId: string): void {
    this.#underWay.get(sessionId)?.abort();
    this.#underWay.delete(sessionId);
  }

  close(): void {
    for (const sessionId of [...this.#underWay.keys()]) this.end(sessionId);
  }

  /** Returns why this host cannot do it; undefined if it can. */
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
        // The write fails if the kernel could not reclaim everything, but it has reclaimed what it
        // could.
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
