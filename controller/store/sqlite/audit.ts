import type Database from 'better-sqlite3';
import { AUDIT, type AuditPart, type AuditRecord, MESSAGE_ACTION, STORED_AUDIT, type StoredAudit } from '../../domain/audit/audit.ts';
import { columnsOf, namesOf, placesFor, type SqlRow, type SqlValue, selected, selection, toSql } from './columns.ts';

const COLUMNS = columnsOf(AUDIT);

export const AUDIT_SELECTION = selection(STORED_AUDIT);

export function auditInsert(database: Database.Database): (record: AuditRecord) => void {
  const insert = database.prepare<SqlValue[]>(`insert into audit (${namesOf(COLUMNS)}) values (${placesFor(COLUMNS)})`);
  return (record) => void insert.run(...toSql(COLUMNS, record));
}

/** The condition of its partial index. */
export const STRANGERS = `outcome <> 'ok' and actor_type = 'Anonymous'`;

const PARTS: Readonly<Record<AuditPart, string>> = {
  messages: `action = '${MESSAGE_ACTION}'`,
  strangers: STRANGERS,
  refused: `outcome <> 'ok'`,
  all: 'true',
};

/**
 * Selects the oldest records of a part up to a number. The newest of all stays, because numbering
 * continues from it.
 */
export const oldAuditSql = (part: AuditPart): string =>
  `select number from audit where ${PARTS[part]} and number <= ? and number < (select max(number) from audit) order by number limit +?`;

/**
 * Selects the newest record of a part beyond its bound in rows. For `all`, every older record goes
 * with it.
 */
export const auditBeyondSql = (part: AuditPart): string =>
  `select number from audit where ${PARTS[part]} order by number desc limit 1 offset ?`;

export const AUDIT_BEFORE_SQL = 'select number from audit where at < ? order by at desc, number desc limit 1';

export function auditPruning(database: Database.Database): (part: AuditPart, upTo: number, limit: number) => void {
  const prune = (part: AuditPart) => database.prepare<[number, number]>(`delete from audit where number in (${oldAuditSql(part)})`);
  const statements = { messages: prune('messages'), strangers: prune('strangers'), refused: prune('refused'), all: prune('all') };
  return (part, upTo, limit) => void statements[part].run(upTo, limit);
}

/** Returns the record in a row of {@link AUDIT_SELECTION}. */
export const storedAudit = (row: SqlRow): StoredAudit => selected(STORED_AUDIT, row);
