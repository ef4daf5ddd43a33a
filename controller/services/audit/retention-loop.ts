import { type Clock, pause, type Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { AuditPart } from '../../domain/audit/audit.ts';
import { pruneAudit } from '../../domain/audit/prune-audit.ts';
import type { Applier } from '../engine/applier.ts';
import type { AuditBounds, Lists } from '../engine/lists.ts';

const LOOK_MS = 60_000;
const DAY_MS = 86_400_000;

export interface AuditKept {
  readonly days: number;
  readonly rows: number;
  /** Messages, of which there are more than of everything else. */
  readonly messageDays: number;
  readonly messageRows: number;
  /** Refused requests, which strangers can make as many of as they are let. */
  readonly refusedRows: number;
}

/** About 0.4 KB a row with its indexes: 0.8 GB when every bound is reached. */
export const AUDIT_KEPT: AuditKept = { days: 365, rows: 2_000_000, messageDays: 30, messageRows: 1_000_000, refusedRows: 200_000 };

export interface AuditRetentionDeps {
  readonly applier: Applier;
  readonly lists: Pick<Lists, 'auditCutoffs'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly kept: AuditKept;
  /** Up to which number the record is exported; undefined where it is not. */
  readonly exported: () => number | undefined;
}

/**
 * Keeps the audit record within its bounds: by age, and by rows. What is to be exported and is not yet outlives its age, but not its
 * bound in rows: a disk that cannot be written must not fill another.
 */
export class AuditRetention {
  readonly #deps: AuditRetentionDeps;
  readonly #passes: Counter;
  readonly #unexported: Counter;
  #timer: Timer | undefined;
  #closed = false;

  constructor(deps: AuditRetentionDeps) {
    this.#deps = deps;
    this.#passes = deps.metrics.counter({
      name: 'audit_prune_passes_total',
      help: 'Commits that removed audit records past their bounds.',
    });
    this.#unexported = deps.metrics.counter({
      name: 'audit_unexported_total',
      help: 'Looks at which audit records had to be removed before they were exported.',
    });
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = this.#deps.clock.after(LOOK_MS, () => {
      this.catchUp()
        // Logged by the applier, or the reading thread is away: the next look tries again.
        .catch(() => undefined)
        .finally(() => this.start());
    });
  }

  /** Resolves once the record is within its bounds. */
  async catchUp(): Promise<void> {
    // What these lose is not counted among all, nor what strangers lose among the refused.
    await this.#prune(['messages', 'strangers']);
    await this.#prune(['refused']);
    await this.#prune(['all']);
  }

  async #prune(parts: readonly AuditPart[]): Promise<void> {
    const { applier, lists, exported, log } = this.#deps;
    const { byAge, byRows } = await lists.auditCutoffs(this.#bounds());
    const held = exported() ?? Number.MAX_SAFE_INTEGER;
    const cutoffs = parts.map((part) => [part, Math.max(Math.min(byAge[part], held), byRows[part])] as const);
    if (cutoffs.some(([, upTo]) => upTo > held)) {
      this.#unexported.add();
      log.error('audit.not_exported', { exported_up_to: held, remedy: 'make room for the export, or see audit.export_failed' });
    }
    while (!this.#closed && (await applier.apply(pruneAudit(cutoffs)))) {
      this.#passes.add();
      // Others' commands come between two parts.
      await pause(this.#deps.clock, 0);
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #bounds(): AuditBounds {
    const { applier, kept } = this.#deps;
    const all = applier.time.before(kept.days * DAY_MS);
    const messages = applier.time.before(Math.min(kept.messageDays, kept.days) * DAY_MS);
    return {
      before: { messages, strangers: all, refused: all, all },
      // Half: strangers cannot push out what accounts were refused.
      rows: { messages: kept.messageRows, strangers: Math.floor(kept.refusedRows / 2), refused: kept.refusedRows, all: kept.rows },
    };
  }
}
