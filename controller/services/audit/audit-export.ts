import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { StoredAudit } from '../../domain/audit/audit.ts';
import type { Lists } from '../engine/lists.ts';
import type { EventIds } from '../events/event-ids.ts';
import { auditObject } from './audit-service.ts';

/** Where records go: a file, the bus. */
export interface AuditSink {
  readonly name: 'file' | 'bus';
  /** Resolves once all of it is safe there: written and synced, or handed over. What it throws is tried again, all of it. */
  write(records: readonly ExportedAudit[]): Promise<void>;
}

export interface ExportedAudit {
  readonly record: StoredAudit;
  /** As JSON, without a newline. */
  readonly line: string;
}

/** How far a sink is, in the store. */
export interface AuditCursor {
  exported(sink: AuditSink['name']): number;
  markExported(sink: AuditSink['name'], number: number): void;
}

export interface AuditExportDeps {
  readonly sink: AuditSink;
  readonly cursor: AuditCursor;
  readonly lists: Pick<Lists, 'auditAfter'>;
  readonly ids: EventIds;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const PAGE = 500;
/** Records of one moment share one sync of the file. */
const GATHER_MS = 200;
const FIRST_RETRY_MS = 1_000;
const MOST_RETRY_MS = 30_000;

/**
 * Copies the audit record to a sink, in its order.
 *
 * 1. The store is what is read; a cursor in it says what has arrived. A sink that fails, or a process that dies, loses nothing.
 * 2. Each record arrives at least once: again where a process died between the sink and the cursor. Its id tells.
 * 3. Nobody waits for it.
 */
export class AuditExport {
  readonly #deps: AuditExportDeps;
  readonly #outcomes: Counter<'sink' | 'outcome'>;
  #cursor: number;
  #retryMs = 0;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #closed = false;

  constructor(deps: AuditExportDeps) {
    this.#deps = deps;
    this.#cursor = deps.cursor.exported(deps.sink.name);
    this.#outcomes = deps.metrics.counter({
      name: 'audit_exported_total',
      help: 'Audit records given to a sink, by outcome.',
      labels: ['sink', 'outcome'],
    });
  }

  /** Up to which number everything has arrived. */
  get exported(): number {
    return this.#cursor;
  }

  /** Whether the sink refuses what it is given. */
  get isFailing(): boolean {
    return this.#retryMs > 0;
  }

  /** There are new records. */
  wake(): void {
    this.#isWanted = true;
    if (this.#closed || this.#running !== undefined || this.#timer !== undefined) return;
    this.#timer = this.#deps.clock.after(Math.max(GATHER_MS, this.#retryMs), () => {
      this.#timer = undefined;
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        if (this.#isWanted) this.wake();
      });
    });
  }

  /** Gives the sink what is left, once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#run();
  }

  async #run(): Promise<void> {
    const { sink, cursor, lists, ids, log } = this.#deps;
    this.#isWanted = false;
    try {
      for (;;) {
        const records = await lists.auditAfter(this.#cursor, PAGE);
        const last = records.at(-1);
        if (last === undefined) break;
        await sink.write(records.map((record) => ({ record, line: JSON.stringify(auditObject(ids, record)) })));
        cursor.markExported(sink.name, last.number);
        this.#cursor = last.number;
        this.#outcomes.add(records.length, { sink: sink.name, outcome: 'written' });
        if (this.#retryMs > 0) log.info('audit.export_resumed', { sink: sink.name });
        this.#retryMs = 0;
      }
    } catch (error) {
      this.#outcomes.add(1, { sink: sink.name, outcome: 'failed' });
      if (this.#retryMs === 0)
        log.error('audit.export_failed', { sink: sink.name, error: error instanceof Error ? error.message : String(error) });
      this.#retryMs = Math.min(Math.max(FIRST_RETRY_MS, this.#retryMs * 2), MOST_RETRY_MS);
      this.#isWanted = true;
    }
  }
}
