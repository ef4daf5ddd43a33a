import type { Clock, Timer } from '../../seams/clock.ts';
import type { FreeSpace } from '../../seams/free-space.ts';
import type { Log } from '../../seams/log.ts';
import { messageOf } from '../../seams/message-of.ts';
import { type Metrics, silentMetrics } from '../../seams/metrics.ts';
import type { Conditions } from '../conditions.ts';

const LOOK_EVERY_MS = 5_000;
/**
 * The condition clears only with clearly more free space than the mark, so that it does not flap.
 */
const OVER_SHARE = 1.25;
const MIB = 2 ** 20;

export interface DiskSpaceDeps {
  readonly directory: string;
  readonly lowBytes: number;
  readonly freeSpace: FreeSpace;
  readonly conditions: Conditions;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /**
   * A file whose space is released for the ledger while the disk is low, and reserved again later.
   */
  readonly reserve: { release(): Promise<void>; take(): Promise<void> };
}

/**
 * Watches the free space of the disk with the ledger and the sessions' disks. Below the mark
 * nothing is placed on this node, and the reserve is released for the ledger.
 */
export class DiskSpace {
  readonly #deps: DiskSpaceDeps;
  #low = false;
  #free = 0;
  #timer: Timer | undefined;
  #closed = false;
  #failed = false;

  constructor(deps: DiskSpaceDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    metrics.gauge({ name: 'node_disk_free_bytes', help: 'Room on the disk of the node’s data directory', read: () => this.#free });
  }

  /** Resolves after the first check. */
  async start(): Promise<void> {
    await this.look();
    if (this.#closed) return;
    this.#timer = this.#deps.clock.after(LOOK_EVERY_MS, () => void this.start());
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async look(): Promise<void> {
    const { directory, lowBytes, freeSpace, conditions, log, reserve } = this.#deps;
    try {
      const { freeBytes } = await freeSpace(directory);
      this.#free = freeBytes;
      const was = this.#low;
      this.#low = freeBytes < (was ? lowBytes * OVER_SHARE : lowBytes);
      if (this.#low) {
        if (!was) await reserve.release();
        conditions.raise({ type: 'DiskLow', message: messageFor(directory, freeBytes, lowBytes), unschedulable: true });
      } else if (was) {
        await reserve.take();
        conditions.clear('DiskLow');
      }
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) log.warn('disk-space.unknown', { error: messageOf(error) });
      this.#failed = true;
    }
  }
}

/** Rounded, so that the condition does not change with every check. */
function messageFor(directory: string, freeBytes: number, lowBytes: number): string {
  const step = 64 * MIB;
  const left = Math.floor(freeBytes / step) * (step / MIB);
  return `The disk of ${directory} has about ${left} MiB left, less than ${Math.round(lowBytes / MIB)} MiB. Make room on this host, or lower RAWORC_DISK_LOW_BYTES.`;
}
