import type { FreeSpace, Space } from '../../../seams/free-space.ts';
import type { Log } from '../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Loops } from './loops.ts';

const EVERY_MS = 1_000;
const MIB = 1024 * 1024;
/** The disk stays low until this multiple of the mark is free, so that it does not flap. */
const RECOVERED_AT = 1.25;
/** Images leave this multiple of the mark free, so that they never make the disk low for clients. */
const IMAGES_STOP_AT = 4;

/**
 * Returns the mark below which the controller reserves the disk for answers, reports and deletions.
 */
export function lowMark({ totalBytes }: Space, setBytes: number | undefined): number {
  return setBytes ?? Math.max(16 * MIB, Math.min(256 * MIB, totalBytes * 0.02));
}

export interface DiskWatchDeps {
  /** The directory of the database. */
  readonly directory: string;
  readonly freeSpace: FreeSpace;
  /** Default: 256 MiB, or 2 % of a smaller disk. */
  readonly lowBytes: number | undefined;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/**
 * Checks the free disk space of the database once a second. Below a mark, client commands that grow
 * the store are refused, so that clients alone cannot fill the disk. It recovers by itself.
 */
export class DiskWatch {
  readonly #deps: DiskWatchDeps;
  #space: Space | undefined;
  #isLow = false;
  #isReadable = true;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
    const { metrics = silentMetrics } = deps;
    metrics.gauge({ name: 'disk_free_bytes', help: 'Free space on the disk of the database.', read: () => this.#space?.freeBytes ?? 0 });
    metrics.gauge({
      name: 'disk_low',
      help: '1 while commands that grow the store are refused.',
      read: () => (this.#isLow ? 1 : 0),
    });
  }

  /** Checks once, then starts the loop. */
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

  /** Whether images must not take up more of the disk. */
  get isTightForImages(): boolean {
    return this.#space !== undefined && this.#space.freeBytes < lowMark(this.#space, this.#deps.lowBytes) * IMAGES_STOP_AT;
  }

  /** Returns why commands that grow the store are refused now, or undefined. */
  refusal(): string | undefined {
    if (!this.#isLow || this.#space === undefined) return undefined;
    const mib = (bytes: number) => Math.floor(bytes / MIB);
    const enough = lowMark(this.#space, this.#deps.lowBytes) * RECOVERED_AT;
    // Deleting sessions does not help: the database reuses their pages, but its file does not
    // shrink.
    return `The controller's disk is almost full: ${mib(this.#space.freeBytes)} MiB are free, and it needs ${mib(enough)} MiB to accept new data. Free disk space on the controller, then retry.`;
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
