import { pause } from '../../../seams/clock.ts';
import type { AuditPart } from '../../domain/audit/audit.ts';
import { pruneAudit } from '../../domain/audit/prune-audit.ts';
import type { Background } from '../engine/background.ts';
import type { AuditBounds, Lists } from '../engine/lists.ts';
import type { Loop } from '../engine/loop.ts';

const EVERY_MS = 60_000;
const DAY_MS = 86_400_000;

export interface AuditRetention {
  readonly days: number;
  readonly rows: number;
  /** Messages outnumber everything else. */
  readonly messageDays: number;
  readonly messageRows: number;
  /** Refused requests, which strangers can cause. */
  readonly refusedRows: number;
}

/** About 0.4 KB per row with its indexes: 0.8 GB at every bound. */
export const AUDIT_RETENTION: AuditRetention = {
  days: 365,
  rows: 2_000_000,
  messageDays: 30,
  messageRows: 1_000_000,
  refusedRows: 200_000,
};

export interface AuditRetentionDeps extends Pick<Background, 'loops' | 'applier' | 'clock' | 'log' | 'metrics'> {
  readonly lists: Pick<Lists, 'auditCutoffs'>;
  readonly kept: AuditRetention;
  /** Number of the last exported record; undefined without an export. */
  readonly exported: () => number | undefined;
}

/**
 * Keeps the audit record within its bounds of age and rows. Records that are not exported yet can
 * exceed the age but not the number of rows: a failing export must not fill the disk.
 */
export function auditRetentionLoop({ loops, applier, lists, clock, log, metrics, kept, exported }: AuditRetentionDeps): Loop<'all'> {
  const passes = metrics.counter({ name: 'audit_prune_passes_total', help: 'Commits that removed audit records past their bounds.' });
  const unexported = metrics.counter({
    name: 'audit_unexported_total',
    help: 'Passes that removed audit records before they were exported.',
  });

  async function pruneParts(parts: readonly AuditPart[], closing: AbortSignal): Promise<void> {
    const { byAge, byRows } = await lists.auditCutoffs(boundsNow());
    const held = exported() ?? Number.MAX_SAFE_INTEGER;
    const cutoffs = parts.map((part) => [part, Math.max(Math.min(byAge[part], held), byRows[part])] as const);
    if (cutoffs.some(([, upTo]) => upTo > held)) {
      unexported.add();
      log.error('audit.not_exported', { exported_up_to: held, remedy: 'free disk space for the export, or see audit.export_failed' });
    }
    while (!closing.aborted && (await applier.apply(pruneAudit(cutoffs)))) {
      passes.add();
      // Yields between two parts, so that other commands can run.
      await pause(clock, 0);
    }
  }

  function boundsNow(): AuditBounds {
    const all = applier.time.before(kept.days * DAY_MS);
    const messages = applier.time.before(Math.min(kept.messageDays, kept.days) * DAY_MS);
    return {
      before: { messages, strangers: all, refused: all, all },
      // Strangers get half of the rows, so that they cannot evict the refusals of accounts.
      rows: { messages: kept.messageRows, strangers: Math.floor(kept.refusedRows / 2), refused: kept.refusedRows, all: kept.rows },
    };
  }

  return loops.open({
    name: 'audit_retention',
    first: { key: 'all', afterMs: EVERY_MS },
    async run(_key, closing) {
      // Pruned first: rows removed here must not count in the bounds of the groups that contain
      // them.
      await pruneParts(['messages', 'strangers'], closing);
      await pruneParts(['refused'], closing);
      await pruneParts(['all'], closing);
      return EVERY_MS;
    },
  });
}
