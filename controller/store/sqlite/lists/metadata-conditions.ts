/**
 * Conditions on session metadata, answered by `session_metadata` where possible; see
 * session-metadata.ts.
 */
import { type RawBuilder, sql } from 'kysely';
import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from './session-metadata.ts';

type Condition = RawBuilder<unknown>;
export type Pair = readonly [key: string, value: string];

/** Matches sessions whose metadata does not fit the index, so that their rows are read. */
export const isOverflow: Condition = sql`key = ''`;

/**
 * Matches index rows. Values longer than the index stores are also compared with the session's row.
 */
export function matchesIndexed(pair: Pair): readonly Condition[] {
  return [isPair(pair), ...rest(pair)];
}

/** Matches index rows found by another pair, with a lookup of the whole key. */
export function matchesAlso(pair: Pair): readonly Condition[] {
  const same = sql`other.space_id = session_metadata.space_id and other.created_at = session_metadata.created_at and other.id = session_metadata.id`;
  return [sql`exists (select 1 from session_metadata as other where ${isPair(pair, 'other.')} and ${same})`, ...rest(pair)];
}

/** Counts the sessions with this pair, up to a bound. */
export const countOf = (pair: Pair): RawBuilder<unknown> =>
  sql`select count(*) as count from (select 1 from session_metadata where ${isPair(pair)} limit ${sql.lit(MAX_COUNTED)})`;
const MAX_COUNTED = 1000;

function isPair([key, value]: Pair, of: '' | 'other.' = ''): Condition {
  if (lengthOf(key) > MAX_KEY_LENGTH) return sql`false`;
  return sql`${sql.raw(of)}key = ${key} and ${sql.raw(of)}value = substr(${value}, 1, ${sql.lit(MAX_VALUE_LENGTH)})`;
}

const rest = ([key, value]: Pair): readonly Condition[] =>
  lengthOf(value) < MAX_VALUE_LENGTH ? [] : [matchesMetadata('session_metadata', key, value)];

export const matchesAll = (pairs: readonly Pair[]): readonly Condition[] =>
  pairs.map(([key, value]) => matchesMetadata('session_metadata', key, value));

/**
 * Matches the session's row by its id. Strings are compared directly, other values as JSON, such as
 * `true` or `3`.
 */
export function matchesMetadata(source: 'sessions' | 'session_metadata', key: string, value: string): Condition {
  const path = `$.${JSON.stringify(key)}`;
  const matches = sql`case json_type(metadata, ${path}) when 'text' then metadata ->> ${path} else metadata -> ${path} end = ${value}`;
  return source === 'sessions' ? matches : sql`exists (select 1 from sessions as row where row.id = session_metadata.id and ${matches})`;
}

/** In code points, like SQLite's length(). */
const lengthOf = (text: string): number => [...text].length;
