import type { HistoryView } from '../../../domain/events/view.ts';
import { oldAuditSql } from '../audit.ts';
import { overdueSql } from '../pruning.ts';
import type { Reads } from './reads.ts';

export const historyView = ({ row }: Reads): HistoryView => ({
  isOverdue: (table, before, spaceId) =>
    row(overdueSql(table, spaceId !== undefined), ...(spaceId === undefined ? [] : [spaceId]), before, 1) !== undefined,
  hasAudit: (part, upTo) => row(oldAuditSql(part), upTo, 1) !== undefined,
});
