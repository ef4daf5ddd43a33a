import type { HistoryView } from '../../../domain/events/view.ts';
import { oldAuditSql } from '../audit.ts';
import { overdueQuery } from '../pruning.ts';
import type { Reads } from './reads.ts';

export const historyView = ({ row }: Reads): HistoryView => ({
  isOverdue(table, before, spaceId) {
    const { sql, parameters } = overdueQuery({ table, before, ...(spaceId === undefined ? {} : { spaceId }) }, 1);
    return row(sql, ...parameters) !== undefined;
  },
  hasAudit: (part, upTo) => row(oldAuditSql(part), upTo, 1) !== undefined,
});
