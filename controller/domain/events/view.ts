import type { AuditPart } from '../audit/audit.ts';
import type { SpaceId } from '../engine/ids.ts';
import type { Prunable } from '../engine/mutation.ts';

/** History that retention removes. */
export interface HistoryView {
  /** Whether retention would remove anything from that table; of one space where it is given. */
  isOverdue(table: Prunable, before: number, spaceId?: SpaceId): boolean;
  /**
   * Whether there are audit records of a part up to that number, besides the newest of all, which
   * stays.
   */
  hasAudit(part: AuditPart, upTo: number): boolean;
}
