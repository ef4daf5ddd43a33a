/** What is asked of a session's metadata, by `session_metadata` where it has the answer. See session-metadata.ts for what is in it. */
import { type RawBuilder, sql } from 'kysely';
import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from './session-metadata.ts';

type Condition = RawBuilder<unknown>;
export type Pair = readonly [key: string, value: string];

/** Sessions whose metadata are not in the index as a whole: of these the rows are read. */
export const isOverflow: Condition = sql`key = ''`;

/** Of a row of the index. What is longer than the index keeps is compared with the session's row as well. */
export function saysIndexed(pair: Pair): readonly Condition[] {
  return [isPair(pair), ...rest(pair)];
}

/** Of a row of the index that was found by another pair: by the whole key of the index. */
export function saysAsWell(pair: Pair): readonly Condition[] {
  const same = sql`other.space_id = session_metadata.space_id and other.created_at = session_metadata.created_at and other.id = session_metadata.id`;
  return [sql`exists (select 1 from session_metadata as other where ${isPair(pair, 'other.')} and ${same})`, ...rest(pair)];
}

/** How many sessions say this, as far as that is looked at. */
export const countOf = (pair: Pair): RawBuilder<unknown> =>
  sql`select count(*) as count from (select 1 from session_metadata where ${isPair(pair)} limit ${sql.lit(MAX_COUNTED)})`;
const MAX_COUNTED = 1000;

function isPair([key, value]: Pair, of: '' | 'other.' = ''): Condition {
  if (lengthOf(key) > MAX_KEY_LENGTH) return sql`false`;
  return sql`${sql.raw(of)}key = ${key} and ${sql.raw(of)}value = substr(${value}, 1, ${sql.lit(MAX_VALUE_LENGTH)})`;
}

const rest = ([key, value]: Pair): readonly Condition[] =>
  lengthOf(value) < MAX_VALUE_LENGTH ? [] : [saysInMetadata('session_metadata', key, value)];

export const allSaid = (pairs: readonly Pair[]): readonly Condition[] =>
  pairs.map(([key, value]) => saysInMetadata('session_metadata', key, value));

/** Of the session's row, which is found by its id. Text as it is; what is no text by its JSON, as `true` or `3`. */
export function saysInMetadata(source: 'sessions' | 'session_metadata', key: string, value: string): Condition {
  const path = `$.${JSON.stringify(key)}`;
  const said = sql`case json_type(metadata, ${path}) when 'text' then metadata ->> ${path} else metadata -> ${path} end = ${value}`;
  return source === 'sessions' ? said : sql`exists (select 1 from sessions as row where row.id = session_metadata.id and ${said})`;
}

/** In code points, as SQLite counts them. */
const lengthOf = (text: string): number => [...text].length;
