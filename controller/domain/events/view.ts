import type { AuditPart } from '../audit/audit.ts';
import type { SpaceId } from '../engine/ids.ts';
import type { Prunable } from '../engine/mutation.ts';

/** History that retention removes. */
export interface HistoryView {
  /** Whether retention would remove anything from that table, optionally of one space. */
  isOverdue(table: Prunable, before: number, spaceId?: SpaceId): boolean;
  /**
   * Whether a part has audit records up to that number, other than the newest record, which stays.
   */
  hasAudit(part: AuditPart, upTo: number): boolean;
}
