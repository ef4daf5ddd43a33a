import type { AuditPart } from '../audit/audit.ts';
import type { SpaceId } from '../engine/ids.ts';
import type { Prunable } from '../engine/mutation.ts';

/** History that retention removes. */
export interface HistoryView {
  /** Returns whether retention would remove anything from that table, in one space if given. */
  isOverdue(table: Prunable, before: number, spaceId?: SpaceId): boolean;
  /**
   * Returns whether a part has audit records up to that number, ignoring the newest record, which
   * is never removed.
   */
  hasAudit(part: AuditPart, upTo: number): boolean;
}
