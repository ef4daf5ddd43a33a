import type Database from 'better-sqlite3';
import { AUDIT, type AuditPart, type AuditRecord, MESSAGE_ACTION, STORED_AUDIT, type StoredAudit } from '../../domain/audit/audit.ts';
import { columnsOf, namesOf, placesFor, type SqlRow, type SqlValue, selected, selection, toSql } from './columns.ts';
import { firstNumber } from './sampled-times.ts';

const COLUMNS = columnsOf(AUDIT);

export const AUDIT_SELECTION = selection(STORED_AUDIT);

/** Records that are indexed at once. */
export const INDEXED_AT_ONCE = 64;

/** The condition of the indexes that lists use. */
export const INDEXED = 'indexed = 1';

/** Matches the newest records, which are in no index yet. Lists read these few. */
export const NOT_INDEXED = `number > (select max(number) from audit) / ${INDEXED_AT_ONCE} * ${INDEXED_AT_ONCE} and indexed = 0`;

/**
 * Appends a record. Each request writes one, so its entries in five indexes are written with those
 * of others, in the same transaction as the last of them.
 */
export function auditInsert(database: Database.Database): (record: AuditRecord) => void {
  const insert = database.prepare<SqlValue[]>(`insert into audit (${namesOf(COLUMNS)}, indexed) values (${placesFor(COLUMNS)}, 0)`);
  const index = database.prepare<[number, number]>('update audit set indexed = 1 where number > ? and number <= ? and indexed = 0');
  return (record) => {
    const number = Number(insert.run(...toSql(COLUMNS, record)).lastInsertRowid);
    if (number % INDEXED_AT_ONCE === 0) index.run(number - INDEXED_AT_ONCE, number);
  };
}

/** The condition of its partial index. */
export const STRANGERS = `outcome <> 'ok' and actor_type = 'Anonymous'`;

const PARTS: Readonly<Record<AuditPart, string>> = {
  messages: `action = '${MESSAGE_ACTION}' and ${INDEXED}`,
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

/** Selects the number before the first record that is not older than a time, given twice. */
export const AUDIT_BEFORE_SQL = `select coalesce(${firstNumber('audit', '>=')} - 1, (select max(number) from audit)) as number`;

export function auditPruning(database: Database.Database): (part: AuditPart, upTo: number, limit: number) => void {
  const prune = (part: AuditPart) => database.prepare<[number, number]>(`delete from audit where number in (${oldAuditSql(part)})`);
  const statements = { messages: prune('messages'), strangers: prune('strangers'), refused: prune('refused'), all: prune('all') };
  return (part, upTo, limit) => void statements[part].run(upTo, limit);
}

/** Returns the record in a row of {@link AUDIT_SELECTION}. */
export const storedAudit = (row: SqlRow): StoredAudit => selected(STORED_AUDIT, row);
