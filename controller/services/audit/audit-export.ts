import type { Counter } from '../../../seams/metrics.ts';
import type { StoredAudit } from '../../domain/audit/audit.ts';
import type { Background } from '../engine/background.ts';
import type { Lists } from '../engine/lists.ts';
import type { Loop } from '../engine/loop.ts';
import type { AuditCursor } from '../engine/store.ts';
import type { EventIds } from '../events/event-ids.ts';
import { auditObject } from './audit-service.ts';

/** A destination of audit records: a file or the bus. */
export interface AuditSink {
  readonly name: 'file' | 'bus';
  /**
   * Resolves once all records are durable there: synced to disk, or handed over. If it throws, the
   * export retries all of them.
   */
  write(records: readonly ExportedAudit[]): Promise<void>;
}

export interface ExportedAudit {
  readonly record: StoredAudit;
  /** The record as JSON, without a newline. */
  readonly line: string;
}

export interface AuditExportDeps extends Pick<Background, 'loops' | 'log' | 'metrics'> {
  readonly sink: AuditSink;
  readonly cursor: AuditCursor;
  readonly lists: Pick<Lists, 'auditAfter'>;
  readonly ids: EventIds;
}

const PAGE = 500;
/** Interval of exports. Records of one interval share one sync of the file. */
const GATHER_MS = 200;

/**
 * Copies audit records to a sink, in order.
 * 1. It reads from the store, which also holds its cursor: a failing sink or a crash loses nothing.
 * 2. A record arrives at least once, and again after a crash between sink and cursor. Its id
 *    identifies duplicates.
 * 3. No request waits for it.
 */
export class AuditExport {
  readonly #deps: AuditExportDeps;
  readonly #outcomes: Counter<'sink' | 'outcome'>;
  readonly #loop: Loop<'records'>;
  #cursor: number;
  #isFailing = false;

  constructor(deps: AuditExportDeps) {
    this.#deps = deps;
    this.#cursor = deps.cursor.exported(deps.sink.name);
    this.#outcomes = deps.metrics.counter({
      name: 'audit_exported_total',
      help: 'Audit records sent to a sink, by outcome.',
      labels: ['sink', 'outcome'],
    });
    this.#loop = deps.loops.open({
      name: `audit_export_${deps.sink.name}`,
      first: { key: 'records', afterMs: GATHER_MS },
      failed: (error, { inARow }) => this.#failed(error, inARow),
      run: (_key, closing) => this.#copy(closing),
    });
  }

  /** Number of the last exported record. */
  get exported(): number {
    return this.#cursor;
  }

  /** Whether the last write to the sink failed. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Exports new records soon. */
  wake(): void {
    this.#loop.after('records', GATHER_MS);
  }

  /** Exports the remaining records, without retries. */
  async close(): Promise<void> {
    await this.#loop.close();
    await this.#copy().catch((error) => this.#failed(error instanceof Error ? error.message : String(error), 1));
  }

  async #copy(closing?: AbortSignal): Promise<undefined> {
    const { sink, cursor, lists, ids, log } = this.#deps;
    while (closing?.aborted !== true) {
      const records = await lists.auditAfter(this.#cursor, PAGE);
      const last = records.at(-1);
      if (last === undefined) return;
      await sink.write(records.map((record) => ({ record, line: JSON.stringify(auditObject(ids, record)) })));
      cursor.markExported(sink.name, last.number);
      this.#cursor = last.number;
      this.#outcomes.add(records.length, { sink: sink.name, outcome: 'written' });
      if (this.#isFailing) log.info('audit.export_resumed', { sink: sink.name });
      this.#isFailing = false;
    }
  }

  #failed(error: string, inARow: number): void {
    const { sink, log } = this.#deps;
    this.#outcomes.add(1, { sink: sink.name, outcome: 'failed' });
    // Logged once; from then on, the health of the controller reports it.
    if (inARow === 1) log.error('audit.export_failed', { sink: sink.name, error });
    this.#isFailing = true;
  }
}
