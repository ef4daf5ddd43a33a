import { type Clock, pause } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { AuditPart } from '../../domain/audit/audit.ts';
import { pruneAudit } from '../../domain/audit/prune-audit.ts';
import type { Applier } from '../engine/applier.ts';
import type { AuditBounds, Lists } from '../engine/lists.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';

const EVERY_MS = 60_000;
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
  readonly loops: Pick<Loops, 'open'>;
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
export function auditRetentionLoop({ loops, applier, lists, clock, log, metrics, kept, exported }: AuditRetentionDeps): Loop<'all'> {
  const passes = metrics.counter({ name: 'audit_prune_passes_total', help: 'Commits that removed audit records past their bounds.' });
  const unexported = metrics.counter({
    name: 'audit_unexported_total',
    help: 'Looks at which audit records had to be removed before they were exported.',
  });

  async function pruneParts(parts: readonly AuditPart[], closing: AbortSignal): Promise<void> {
    const { byAge, byRows } = await lists.auditCutoffs(boundsNow());
    const held = exported() ?? Number.MAX_SAFE_INTEGER;
    const cutoffs = parts.map((part) => [part, Math.max(Math.min(byAge[part], held), byRows[part])] as const);
    if (cutoffs.some(([, upTo]) => upTo > held)) {
      unexported.add();
      log.error('audit.not_exported', { exported_up_to: held, remedy: 'make room for the export, or see audit.export_failed' });
    }
    while (!closing.aborted && (await applier.apply(pruneAudit(cutoffs)))) {
      passes.add();
      // Others' commands come between two parts.
      await pause(clock, 0);
    }
  }

  function boundsNow(): AuditBounds {
    const all = applier.time.before(kept.days * DAY_MS);
    const messages = applier.time.before(Math.min(kept.messageDays, kept.days) * DAY_MS);
    return {
      before: { messages, strangers: all, refused: all, all },
      // Half: strangers cannot push out what accounts were refused.
      rows: { messages: kept.messageRows, strangers: Math.floor(kept.refusedRows / 2), refused: kept.refusedRows, all: kept.rows },
    };
  }

  return loops.open({
    name: 'audit_retention',
    first: { key: 'all', afterMs: EVERY_MS },
    async run(_key, closing) {
      // What these lose is not counted among all, nor what strangers lose among the refused.
      await pruneParts(['messages', 'strangers'], closing);
      await pruneParts(['refused'], closing);
      await pruneParts(['all'], closing);
      return EVERY_MS;
    },
  });
}
