import type { Disk, DiskFile } from '../../../seams/disk.ts';
import { SimulatedDisk } from '../../unit/journal/simulated-disk.ts';
import type { SimulatedTime } from './clock.ts';
import { type Life, never } from './life.ts';
import type { SeededRandom } from './random.ts';

/** A disk or volume that survives its processes, with its current faults. */
export class Platter {
  readonly inner = new SimulatedDisk();
  /** Maximum duration of an operation. */
  slowMs = 2;
  /** Messages that agents received on it, as the traces of work in a volume. */
  readonly marks = new Set<string>();
  #fails = 0;

  constructor() {
    this.inner.onOperation = (operation, path) => {
      if (this.#fails <= 0) return;
      this.#fails -= 1;
      throw new Error(`EIO: ${operation} ${path}`);
    };
  }

  becomeCopyOf(other: Platter): void {
    this.inner.becomeCopyOf(other.inner);
    this.marks.clear();
    for (const mark of other.marks) this.marks.add(mark);
  }

  /** The next writes or syncs fail. */
  fail(times: number): void {
    this.#fails = times;
  }

  fill(): void {
    this.inner.capacityBytes = [...this.inner.files.values()].reduce((sum, { seen }) => sum + seen.byteLength, 0);
  }

  heal(): void {
    this.#fails = 0;
    this.slowMs = 2;
    this.inner.capacityBytes = Number.POSITIVE_INFINITY;
  }
}

export interface DiskView {
  readonly time: SimulatedTime;
  readonly life: Life;
  readonly random: SeededRandom;
}

/**
 * A disk as seen by one process: operations take time, and never complete once it is dead. A write
 * in progress takes effect then, or never, at random: the kernel ends a process, and gives up its
 * locks, only when its writes are over, so none comes after those of its successor.
 */
export function diskFor(platter: Platter, { time, life, random }: DiskView): Disk {
  function operation<T>(work: () => Promise<T>): Promise<T> {
    if (life.isDead) return never();
    return new Promise((resolve, reject) => {
      let isOver = false;
      const take = () => {
        if (isOver) return;
        isOver = true;
        death.cancel();
        if (life.isDead && random.chance(0.5)) return;
        work().then(
          (value) => life.run(() => resolve(value)),
          (fault) => life.run(() => reject(fault)),
        );
      };
      const death = life.atDeath(take);
      time.schedule(random.mostlySmall(0.02, platter.slowMs), take);
    });
  }

  const { inner } = platter;
  return {
    open: (path) => operation(async () => fileOver(await inner.open(path), operation)),
    exists: (path) => operation(() => inner.exists(path)),
    rename: (from, to) => operation(() => inner.rename(from, to)),
    remove: (path) => operation(() => inner.remove(path)),
    makeDirectory: () => operation(() => inner.makeDirectory()),
    syncDirectory: (path) => operation(() => inner.syncDirectory(path)),
  };
}

function fileOver(file: DiskFile, operation: <T>(work: () => Promise<T>) => Promise<T>): DiskFile {
  return {
    size: () => file.size(),
    read: (position, length) => operation(() => file.read(position, length)),
    write: (position, bytes) => operation(() => file.write(position, bytes)),
    async writeDurably(position, bytes) {
      await operation(() => file.write(position, bytes));
      await operation(() => file.sync());
    },
    sync: () => operation(() => file.sync()),
    allocate: (length) => operation(() => file.allocate(length)),
    close: () => file.close(),
  };
}
