import type { FreeSpace, Space } from '../../../seams/free-space.ts';
import type { Log } from '../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Loops } from './loops.ts';

const EVERY_MS = 1_000;
const MIB = 1024 * 1024;
/** The disk counts as low until this much more than the mark is free, so that it does not turn from one to the other all the time. */
const RECOVERED_AT = 1.25;

/** Below this, the controller keeps what is left for answers, reports and deletions. */
export function lowMark({ totalBytes }: Space, setBytes: number | undefined): number {
  return setBytes ?? Math.max(16 * MIB, Math.min(256 * MIB, totalBytes * 0.02));
}

export interface DiskWatchDeps {
  /** The directory of the database. */
  readonly directory: string;
  readonly freeSpace: FreeSpace;
  /** Undefined: 256 MiB, or 2 % of a disk where that is less. */
  readonly lowBytes: number | undefined;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/**
 * Watches the room on the disk of the database, once a second. Below a mark, client commands that make the store larger are to be refused, so that
 * the database itself never meets a full disk by what clients send. It recovers by itself once there is room.
 */
export class DiskWatch {
  readonly #deps: DiskWatchDeps;
  #space: Space | undefined;
  #isLow = false;
  #isReadable = true;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    metrics.gauge({ name: 'disk_free_bytes', help: 'Room on the disk of the database.', read: () => this.#space?.freeBytes ?? 0 });
    metrics.gauge({
      name: 'disk_low',
      help: '1 while commands that make the store larger are refused.',
      read: () => (this.#isLow ? 1 : 0),
    });
  }

  /** Goes on looking, after a first look. */
  watch(loops: Pick<Loops, 'open'>): void {
    const run = async () => {
      await this.look();
      return EVERY_MS;
    };
    loops.open({ name: 'disk', first: { key: 'disk', afterMs: EVERY_MS }, run });
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  /** Why what makes the store larger is refused now; undefined while it is not. */
  refusal(): string | undefined {
    if (!this.#isLow || this.#space === undefined) return undefined;
    const mib = (bytes: number) => Math.floor(bytes / MIB);
    const enough = lowMark(this.#space, this.#deps.lowBytes) * RECOVERED_AT;
    // Deleting sessions does not help: the database reuses their pages, but its file does not shrink.
    return `The controller's disk is almost full: ${mib(this.#space.freeBytes)} MiB are free, and it accepts nothing new until ${mib(enough)} MiB are. Free space on the controller's disk, then retry.`;
  }

  async look(): Promise<void> {
    const { directory, freeSpace, lowBytes, log } = this.#deps;
    try {
      this.#space = await freeSpace(directory);
      this.#isReadable = true;
    } catch (error) {
      if (this.#isReadable) log.warn('disk.unknown', { directory, error: error instanceof Error ? error.message : String(error) });
      this.#isReadable = false;
      return;
    }
    const mark = lowMark(this.#space, lowBytes);
    const isLow = this.#space.freeBytes < (this.#isLow ? mark * RECOVERED_AT : mark);
    if (isLow === this.#isLow) return;
    this.#isLow = isLow;
    const fields = { directory, free_bytes: this.#space.freeBytes, low_bytes: Math.round(mark) };
    if (isLow) log.error('disk.low', fields);
    else log.info('disk.recovered', fields);
  }
}
