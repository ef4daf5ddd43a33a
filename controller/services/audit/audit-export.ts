import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { StoredAudit } from '../../domain/audit/audit.ts';
import type { Lists } from '../engine/lists.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import type { AuditCursor } from '../engine/store.ts';
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

export interface AuditExportDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly sink: AuditSink;
  readonly cursor: AuditCursor;
  readonly lists: Pick<Lists, 'auditAfter'>;
  readonly ids: EventIds;
  readonly log: Log;
  readonly metrics: Metrics;
}

const PAGE = 500;
/** Records of one moment share one sync of the file. */
const GATHER_MS = 200;

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
  readonly #loop: Loop<'records'>;
  #cursor: number;
  #isFailing = false;

  constructor(deps: AuditExportDeps) {
    this.#deps = deps;
    this.#cursor = deps.cursor.exported(deps.sink.name);
    this.#outcomes = deps.metrics.counter({
      name: 'audit_exported_total',
      help: 'Audit records given to a sink, by outcome.',
      labels: ['sink', 'outcome'],
    });
    this.#loop = deps.loops.open({
      name: `audit_export_${deps.sink.name}`,
      first: { key: 'records', afterMs: GATHER_MS },
      failed: (error, { inARow }) => this.#failed(error, inARow),
      run: (_key, closing) => this.#copy(closing),
    });
  }

  /** Up to which number everything has arrived. */
  get exported(): number {
    return this.#cursor;
  }

  /** Whether the sink refuses what it is given. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** There are new records. */
  wake(): void {
    this.#loop.after('records', GATHER_MS);
  }

  /** Gives the sink what is left, once. */
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
    // Once, however long it goes on: what goes on is a degradation of the controller's health.
    if (inARow === 1) log.error('audit.export_failed', { sink: sink.name, error });
    this.#isFailing = true;
  }
}
