import type { Background } from '../engine/background.ts';
import type { Lists } from '../engine/lists.ts';
import type { AuditCursor } from '../engine/store.ts';
import { AuditExport, type AuditSink } from './audit-export.ts';
import { AUDIT_RETENTION, type AuditRetention, auditRetentionLoop } from './audit-retention-loop.ts';
import { auditIds } from './audit-service.ts';

export interface AuditDeps {
  /** Default: {@link AUDIT_RETENTION}. */
  readonly kept?: AuditRetention;
  /** Needed by exports. */
  readonly cursor?: AuditCursor;
  readonly sinks?: readonly AuditSink[];
  readonly lists: Lists;
  readonly storeKey: Uint8Array;
}

/** Opens the retention of audit records and their exports, which it returns. */
export function openAudit(background: Background, deps: AuditDeps): readonly AuditExport[] {
  const { kept = AUDIT_RETENTION, sinks = [], cursor, lists, storeKey } = deps;
  const exports = sinks.flatMap((sink) =>
    cursor === undefined ? [] : [new AuditExport({ ...background, sink, cursor, lists, ids: auditIds(storeKey) })],
  );
  auditRetentionLoop({
    ...background,
    lists,
    kept,
    exported: () => (exports.length === 0 ? undefined : Math.min(...exports.map((one) => one.exported))),
  });
  if (exports.length > 0)
    background.applier.onCommitted(({ mutations }) => {
      if (mutations.some(({ kind }) => kind === 'audit')) for (const one of exports) one.wake();
    });
  return exports;
}
