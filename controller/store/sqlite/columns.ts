import type Database from 'better-sqlite3';
import { STORED_AUDIT } from '../../domain/audit/audit.ts';
import type { FieldKind, Fields, RowOf } from '../../domain/engine/fields.ts';
import { TABLES, type TableName, type Tables } from '../../domain/engine/mutation.ts';
import { EVENTS } from '../../domain/events/events.ts';

export interface Column {
  readonly field: string;
  /** The field's name in snake case. */
  readonly name: string;
  readonly kind: FieldKind;
}

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export const snake = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const columnsOf = (fields: Fields): readonly Column[] =>
  Object.entries(fields).map(([field, { kind }]) => ({ field, name: snake(field), kind }));

export const namesOf = (columns: readonly Column[]): string => columns.map(({ name }) => name).join(', ');
export const placesFor = (columns: readonly Column[]): string => columns.map(() => '?').join(', ');

export function toSql(columns: readonly Column[], row: object): SqlValue[] {
  const fields = row as Readonly<Record<string, unknown>>;
  return columns.map(({ field, kind }) => {
    const value = fields[field];
    if (value === null) return null;
    if (kind === 'json' && value !== undefined) return textOf(value);
    if (kind === 'flag' && typeof value === 'boolean') return value ? 1 : 0;
    if (typeof value === 'string' || typeof value === 'number') return value;
    throw new TypeError(`Cannot store ${field} as ${kind}: it is ${typeof value}`);
  });
}

/**
 * Returns the select list for {@link selected}: the columns of these fields, or of all, with the
 * fields' names.
 */
export function selection(fields: Fields, only: readonly string[] = Object.keys(fields)): string {
  return only.map((field) => (field === snake(field) ? field : `${snake(field)} as "${field}"`)).join(', ');
}

/** Of all rows, most values are among a few: no timeouts, no constraints, the agents of one build. */
const MAX_PARSED = 1000;
const MAX_PARSED_LENGTH = 2048;
/** Of all texts. What is parsed can take twenty times as many bytes. */
const MAX_PARSED_LENGTHS = 256 * 1024;
const PARSED = new Map<string, unknown>();
/** The texts that these values were parsed from. */
const TEXTS = new WeakMap<WeakKey, string>();
let parsedLengths = 0;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether a value of a row is short: its text, or the JSON that it was read from. */
export const isShort = (value: unknown): boolean =>
  typeof value === 'string' ? value.length <= MAX_PARSED_LENGTH : !isObject(value) || TEXTS.has(value);

/** Most values that are written were read before. */
const textOf = (value: unknown): string => (isObject(value) ? TEXTS.get(value) : undefined) ?? JSON.stringify(value);

/** Rows share what was parsed before, so it is frozen. */
export function parsed(text: string): unknown {
  if (text.length > MAX_PARSED_LENGTH) return JSON.parse(text);
  const known = PARSED.get(text);
  if (known !== undefined) return known;
  const value = deepFrozen(JSON.parse(text));
  if (isObject(value)) TEXTS.set(value, text);
  if (PARSED.size >= MAX_PARSED || parsedLengths + text.length > MAX_PARSED_LENGTHS) {
    PARSED.clear();
    parsedLengths = 0;
  }
  PARSED.set(text, value);
  parsedLengths += text.length;
  return value;
}

function deepFrozen(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFrozen(part);
    Object.freeze(value);
  }
  return value;
}

const PATCHES = new WeakMap<Fields, readonly Column[]>();

/** Returns the fields that are read as something else than SQLite has. */
function patchOf(fields: Fields): readonly Column[] {
  let patch = PATCHES.get(fields);
  if (patch === undefined) {
    patch = columnsOf(fields).filter(({ kind }) => kind === 'json' || kind === 'flag');
    PATCHES.set(fields, patch);
  }
  return patch;
}

/**
 * Turns a row of a {@link selection} into the row that its fields declare, in place. {@link toSql}
 * wrote it, so it has that shape.
 */
export function selected<Of extends Fields>(fields: Of, row: SqlRow, parse: (text: string) => unknown = JSON.parse): RowOf<Of> {
  const result = row as Record<string, unknown>;
  for (const { field, kind } of patchOf(fields)) {
    const value = result[field];
    if (value === null || value === undefined) continue;
    result[field] = kind === 'json' ? parse(String(value)) : value === 1;
  }
  return result as RowOf<Of>;
}

/**
 * Like {@link selected}, for a table, whose name determines the type of its rows. Unlike those of
 * events, their values are often equal.
 */
export const rowIn = <Name extends TableName>(table: Name, row: SqlRow): Tables[Name] =>
  selected(TABLES[table], row, parsed) as RowOf<Fields> as Tables[Name];

/**
 * Returns the row that a read gives after this one was written: without what JSON leaves out.
 * Undefined for a row with fields that its table does not declare.
 */
export function asStored(table: TableName, row: object): Tables[TableName] | undefined {
  const fields: Fields = TABLES[table];
  for (const field in row) if (!Object.hasOwn(fields, field)) return undefined;
  const stored: Record<string, unknown> = { ...row };
  for (const { field, kind } of patchOf(fields)) {
    const value = stored[field];
    if (kind === 'json' && value !== null && !(isObject(value) && TEXTS.has(value))) stored[field] = parsed(JSON.stringify(value));
  }
  return stored as RowOf<Fields> as Tables[TableName];
}

/** Columns that no row declares: triggers and indexes use them. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  audit: ['indexed integer'],
  sessions: ['history_messages integer', 'history_bytes integer'],
};

/** Throws when a table lacks a declared column or has an unknown one: a migration is missing. */
export function checkSchema(database: Database.Database): void {
  const columnsIn = database.prepare<[string], { name: string; type: string }>(
    'select name, lower(type) as type from pragma_table_info(?)',
  );
  for (const [table, fields] of Object.entries<Fields>({ ...TABLES, audit: STORED_AUDIT, events: EVENTS })) {
    const kept = columnsIn.all(snake(table)).map(({ name, type }) => `${name} ${type}`);
    const declared = columnsOf(fields).map(({ name, kind }) => `${name} ${kind === 'text' || kind === 'json' ? 'text' : 'integer'}`);
    const lacking = declared.filter((column) => !kept.includes(column));
    const hidden = HIDDEN[table] ?? [];
    const unknown = kept.filter((column) => !declared.includes(column) && !hidden.includes(column));
    if (lacking.length + unknown.length === 0) continue;
    const problems = [...lacking.map((column) => `it lacks ${column}`), ...unknown.map((column) => `${column} is unknown`)];
    throw new Error(`The table ${snake(table)} does not match this version of the controller: ${problems.join(', ')}.`);
  }
}
