import type { Journal } from '../../journal/journal.ts';
import { encodeRecords, type LedgerRecord } from './ledger-record.ts';

/** The fewest records written since the last compaction before the next one is due. */
const COMPACT_AFTER = 2000;
const RECORDS_PER_BLOCK = 100;

export interface LedgerWriterDeps {
  readonly journal: Journal;
  /** Called with durable records, before the write resolves. */
  apply(records: readonly LedgerRecord[]): void;
  /** Yields the fewest records equal to all that were applied. */
  snapshot(): Iterable<LedgerRecord>;
  /** A snapshot's cost grows with the number of sessions, so it is due after as many records. */
  sessions(): number;
}

interface Write {
  readonly records: readonly LedgerRecord[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Appends records to the journal and compacts it. Records that wait share a block. */
export class LedgerWriter {
  readonly #deps: LedgerWriterDeps;
  readonly #waiting: Write[] = [];
  #flushing: Promise<void> | undefined;
  #written = 0;

  constructor(deps: LedgerWriterDeps) {
    this.#deps = deps;
  }

  /** Resolves once the records are durable and applied. Many records take several blocks. */
  async writeAll(records: readonly LedgerRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += RECORDS_PER_BLOCK) await this.write(...records.slice(at, at + RECORDS_PER_BLOCK));
  }

  /** Like `append`, but in one block: all records or none. */
  write(...records: readonly LedgerRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  async compact(): Promise<void> {
    const blocks: Uint8Array[] = [];
    let block: LedgerRecord[] = [];
    for (const record of this.#deps.snapshot()) {
      if (block.push(record) < RECORDS_PER_BLOCK) continue;
      blocks.push(encodeRecords(block));
      block = [];
    }
    if (block.length > 0) blocks.push(encodeRecords(block));
    await this.#deps.journal.compact(blocks);
    this.#written = 0;
  }

  async close(): Promise<void> {
    await this.#flushing;
    await this.#deps.journal.close();
  }

  async #flush(): Promise<void> {
    const { journal, apply, sessions } = this.#deps;
    for (let writes = this.#waiting.splice(0); writes.length > 0; writes = this.#waiting.splice(0)) {
      const records = writes.flatMap((write) => write.records);
      try {
        await journal.append(encodeRecords(records));
        apply(records);
        this.#written += records.length;
        if (this.#written >= Math.max(COMPACT_AFTER, sessions())) await this.compact();
      } catch (error) {
        for (const write of writes) write.reject(error);
        continue;
      }
      for (const write of writes) write.resolve();
    }
    // Reset in the turn in which nothing waits, so that the next write starts its own flush.
    this.#flushing = undefined;
  }
}
