import type { Disk, DiskFile } from '../seams/disk.ts';
import {
  HEADER_BYTES,
  MAX_RECORD_BYTES,
  RECORD_OVERHEAD_BYTES,
  readHeader,
  readRecords,
  type Sealed,
  sealRecords,
  sealSnapshot,
} from './layout.ts';

/**
 * A write or sync failed, so the state of the disk is unknown. The journal acknowledges nothing
 * more; open it again.
 */
export class JournalPoisoned extends Error {
  override readonly name = 'JournalPoisoned';
}

/**
 * The disk is full. Nothing was written and the journal is unchanged: a smaller record or a
 * compaction can still fit.
 */
export class JournalFull extends Error {
  override readonly name = 'JournalFull';
}

export interface JournalOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** The two files are `{name}.a` and `{name}.b`. */
  readonly name: string;
  /** Bytes preallocated in each file, which a full disk cannot take away. Default 64 KiB. */
  readonly allocateBytes?: number;
}

interface Append {
  readonly records: readonly Uint8Array[];
  /** The size of the records, with their overhead. */
  readonly bytes: number;
  readonly spareBytes: number;
  readonly resolve: () => void;
  readonly reject: (fault: Error) => void;
}
interface Compaction {
  readonly records: readonly Uint8Array[];
  readonly resolve: () => void;
  readonly reject: (fault: Error) => void;
}

const DEFAULT_ALLOCATE_BYTES = 64 * 1024;

/**
 * A durable list of records in two preallocated files. The valid file with the higher sequence is
 * current.
 *
 * 1. Acknowledged appends survive a crash. Others can survive too, but only as a prefix, in order.
 * 2. Appends made during a sync share the next sync.
 * 3. `compact` atomically replaces everything by records that cover every earlier append.
 * 4. Opening writes what it read into the other file: a later crash loses none of it, and a torn
 *    tail is gone.
 */
export class Journal {
  readonly #files: readonly [DiskFile, DiskFile];
  #current: 0 | 1;
  #sequence: bigint;
  #seal = 0;
  #position = HEADER_BYTES;
  #allocated: number;
  #syncs = 0;
  #fault: JournalPoisoned | undefined;
  #appends: Append[] = [];
  readonly #compactions: { readonly after: Append[]; readonly compaction: Compaction }[] = [];
  #working: Promise<void> | undefined;
  #closed = false;

  private constructor(files: readonly [DiskFile, DiskFile], current: 0 | 1, sequence: bigint, allocated: number) {
    this.#files = files;
    this.#current = current;
    this.#sequence = sequence;
    this.#allocated = allocated;
  }

  /**
   * Opens the journal and creates missing files. Throws {@link JournalFull} when the space cannot
   * be allocated.
   */
  static async open(options: JournalOptions): Promise<{ journal: Journal; records: Uint8Array[] }> {
    const { disk, directory, name } = options;
    await disk.makeDirectory(directory, 0o700);
    const opened: DiskFile[] = [];
    try {
      const a = await disk.open(`${directory}/${name}.a`);
      opened.push(a);
      const b = await disk.open(`${directory}/${name}.b`);
      opened.push(b);
      await disk.syncDirectory(directory);
      const files = [a, b] as const;
      const headers = [await readHeader(a), await readHeader(b)] as const;
      const newest = (headers[0]?.sequence ?? 0n) >= (headers[1]?.sequence ?? 0n) ? 0 : 1;
      const sequence = headers[newest]?.sequence ?? 0n;
      let current: 0 | 1 = newest;
      let records: Uint8Array[] | undefined;
      for (const index of newest === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const header = headers[index];
        records = header && (await readRecords(files[index], header));
        current = index;
        if (records) break;
      }
      const allocated = Math.min(await a.size(), await b.size());
      const journal = new Journal(files, current, sequence, allocated);
      // A process can have died between writing these records and its sync. Sync them before the
      // other file is overwritten.
      if (records) await files[current].sync();
      await journal.#allocate(options.allocateBytes ?? DEFAULT_ALLOCATE_BYTES);
      await journal.#replace(records ?? []);
      journal.#syncs = 0;
      return { journal, records: records ?? [] };
    } catch (fault) {
      for (const file of opened) await file.close().catch(() => undefined);
      throw fault;
    }
  }

  /** Bytes in use in the current file, header included. */
  get usedBytes(): number {
    return this.#position;
  }

  /** Bytes allocated in both files, which no other writer can take. */
  get allocatedBytes(): number {
    return this.#allocated;
  }

  /** Number of syncs since the journal was opened. */
  get syncs(): number {
    return this.#syncs;
  }

  /**
   * Resolves when the record is durable. Rejects with {@link JournalFull} or {@link
   * JournalPoisoned}.
   * Rejects unless `spareBytes` more would still fit, so that accepting work leaves room to finish
   * it.
   */
  append(record: Uint8Array, spareBytes = 0): Promise<void> {
    return this.appendAll([record], spareBytes);
  }

  /**
   * The same for records that belong together: accepts all of them or none. A crash can leave the
   * first ones.
   */
  appendAll(records: readonly Uint8Array[], spareBytes = 0): Promise<void> {
    let bytes = 0;
    for (const { byteLength } of records) {
      if (byteLength > MAX_RECORD_BYTES)
        return Promise.reject(new JournalFull(`a record of ${byteLength} bytes exceeds the limit of ${MAX_RECORD_BYTES}`));
      bytes += RECORD_OVERHEAD_BYTES + byteLength;
    }
    return this.#enqueue((resolve, reject) => this.#appends.push({ records, bytes, spareBytes, resolve, reject }));
  }

  /**
   * Resolves when the journal durably holds exactly `records`. Rejects like {@link append}, and is
   * then unchanged.
   */
  compact(records: readonly Uint8Array[]): Promise<void> {
    return this.#enqueue((resolve, reject) => {
      this.#compactions.push({ after: this.#appends, compaction: { records, resolve, reject } });
      this.#appends = [];
    });
  }

  /** Finishes pending work, then closes both files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#working;
    await Promise.all(this.#files.map((file) => file.close()));
  }

  #enqueue(put: (resolve: () => void, reject: (fault: Error) => void) => void): Promise<void> {
    if (this.#fault) return Promise.reject(this.#fault);
    if (this.#closed) return Promise.reject(new Error('the journal is closed'));
    return new Promise((resolve, reject) => {
      put(resolve, reject);
      this.#working ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    // Wait one microtask turn, so that appends made together share the first sync too.
    await Promise.resolve();
    while (this.#appends.length > 0 || this.#compactions.length > 0) {
      const step = this.#compactions.shift();
      if (step) {
        await this.#write(step.after);
        await this.#settle([step.compaction], () => this.#replace(step.compaction.records));
      } else {
        const appends = this.#appends;
        this.#appends = [];
        await this.#write(appends);
      }
    }
    this.#working = undefined;
  }

  /**
   * Writes all appends that fit in one write and rejects the others: a large record does not fail a
   * small one.
   */
  async #write(appends: readonly Append[]): Promise<void> {
    const fitting: Append[] = [];
    let needed = this.#position;
    for (const append of appends) {
      const end = needed + append.bytes;
      try {
        await this.#allocate(end + append.spareBytes);
        fitting.push(append);
        needed = end;
      } catch (fault) {
        append.reject(asError(fault));
      }
    }
    if (fitting.length === 0) return;
    await this.#settle(fitting, async () => {
      const sealed = sealRecords(
        fitting.flatMap((append) => append.records),
        this.#seal,
      );
      await this.#commit(this.#files[this.#current], this.#position, sealed);
      this.#position += sealed.bytes.byteLength;
    });
  }

  async #replace(records: readonly Uint8Array[]): Promise<void> {
    const sequence = this.#sequence + 1n;
    const sealed = sealSnapshot(sequence, records);
    await this.#allocate(sealed.bytes.byteLength);
    const other = this.#current === 0 ? 1 : 0;
    await this.#commit(this.#files[other], 0, sealed);
    this.#current = other;
    this.#sequence = sequence;
    this.#position = sealed.bytes.byteLength;
  }

  async #commit(file: DiskFile, position: number, sealed: Sealed): Promise<void> {
    try {
      this.#syncs += 1;
      await file.writeDurably(position, sealed.bytes);
    } catch (fault) {
      this.#fault = new JournalPoisoned(`the disk failed: ${asError(fault).message}`, { cause: fault });
      throw this.#fault;
    }
    this.#seal = sealed.seal;
  }

  async #allocate(length: number): Promise<void> {
    if (length <= this.#allocated) return;
    // Double up to 1 MiB at a time: each growth costs two syncs.
    const target = this.#allocated === 0 ? length : Math.max(length, this.#allocated + Math.min(this.#allocated, 1024 * 1024));
    try {
      for (const file of this.#files) await file.allocate(target);
      this.#allocated = target;
    } catch (fault) {
      const sizes = await Promise.all(this.#files.map((file) => file.size()));
      this.#allocated = Math.max(this.#allocated, Math.min(...sizes));
      if (length <= this.#allocated) return;
      throw new JournalFull(`cannot grow the journal to ${length} bytes: ${asError(fault).message}`, { cause: fault });
    }
  }

  async #settle(
    waiting: readonly { readonly resolve: () => void; readonly reject: (fault: Error) => void }[],
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      if (this.#fault) throw this.#fault;
      await work();
      for (const one of waiting) one.resolve();
    } catch (fault) {
      for (const one of waiting) one.reject(asError(fault));
    }
  }
}

function asError(fault: unknown): Error {
  return fault instanceof Error ? fault : new Error(String(fault));
}
