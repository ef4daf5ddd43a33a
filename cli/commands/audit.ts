import type { AuditRecord, Raworc } from '../../sdk/raworc.ts';
import type { Io } from '../io.ts';
import { printList } from '../listing.ts';

export interface AuditOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly actor?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly space?: string;
  readonly since?: string;
  readonly until?: string;
}

/** Lists the newest audit records, oldest first. */
export async function listAudit(io: Io, raworc: Raworc, { json, ...query }: AuditOptions): Promise<void> {
  const found = await raworc.audit.list(query);
  printList(io, found.toReversed(), {
    json,
    none: 'No matching audit records',
    columns: ['TIME', 'WHO', 'BY', 'FROM', 'DID', 'TO', 'SPACE', 'OUTCOME'],
    row: (record) => [
      record.created_at,
      record.actor ?? record.actor_type,
      record.credential ?? '-',
      record.address ?? '-',
      record.action,
      thingOf(record),
      record.space ?? '-',
      `${record.code ?? record.outcome}${record.count > 1 ? ` × ${record.count}` : ''}`,
    ],
  });
}

function thingOf({ resource, resource_id, resource_name }: AuditRecord): string {
  const which = resource_name ?? resource_id;
  return which === null ? resource : `${resource}/${which}`;
}
