/** Pages of the sessions that a caller can see, always found by an index. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { PageRequest } from '../../../contract/pages.ts';
import { SESSIONS } from '../../../domain/sessions/rows.ts';
import { SHOWN_OF_SESSIONS } from '../../../domain/sessions/session-object.ts';
import type { SessionQuery } from '../../../services/engine/lists.ts';
import { selection } from '../columns.ts';
import type { Query } from '../reader/reader.ts';
import { isOverflow, matchesAll, matchesAlso, matchesIndexed, matchesMetadata, type Pair } from './metadata-conditions.ts';

export type Condition = RawBuilder<unknown>;
/** The table that is searched. Both have the columns for visibility and order. */
type Source = 'sessions' | 'session_metadata';

/** A part of a query. No two arms share rows. */
interface Arm {
  readonly source: Source;
  readonly where: readonly Condition[];
  /** The index does not return rows in order: they are few and get sorted. */
  readonly isUnordered?: true;
}

/** Lists need few columns of a session. The others are neither read nor copied between threads. */
const SHOWN = sql.raw(selection(SESSIONS, SHOWN_OF_SESSIONS));

/**
 * Up to this many spaces, own sessions are searched by space. SQLite allows 500 terms in a compound
 * SELECT.
 */
export const MAX_SPACES_APART = 64;
/** Few sessions share an id prefix of this length. */
const SELECTIVE_PREFIX = 4;

/** Must equal the condition of the partial indexes. */
const LIVE = sql`desired <> 'deleted'`;

/** Looks up the session of a metadata row in an index that has all filtered columns. */
const ROW_OF_PAIR = sql`select 1 from sessions as row indexed by sessions_created
  where row.created_at = session_metadata.created_at and row.id = session_metadata.id`;

/**
 * Returns the queries of these sessions' rows and of their number. The rows come in the page's
 * order, so that a result that ends early lacks the last ones.
 */
export function sessionRows(compiler: Kysely<unknown>, ids: readonly string[], order: 'asc' | 'desc'): { rows: Query; total: Query } {
  const among = sql`from sessions where id in ${listOf(ids)}`;
  const direction = sql.raw(order);
  return {
    rows: sql`select ${SHOWN} ${among} order by created_at ${direction}, id ${direction}`.compile(compiler),
    total: sql`select count(*) as count ${among}`.compile(compiler),
  };
}

/**
 * Returns the queries of a page's ids and its total. The first pair of the query's metadata finds the
 * sessions, so it should be the rarest.
 */
export function sessionPage(
  compiler: Kysely<unknown>,
  query: SessionQuery,
  page: PageRequest,
  pairs: readonly Pair[] = Object.entries(query.metadata ?? {}),
): { ids: Query; total: Query } {
  const arms = armsOf(query, pairs);
  if (arms.length === 0) {
    return { ids: sql`select id from sessions where false`.compile(compiler), total: sql`select 0 as count`.compile(compiler) };
  }
  const order = sql.raw(page.order ?? 'desc');
  const counts = arms.map(({ source, where }) => sql`(select count(*) from ${sql.table(source)} where ${all(where)})`);
  // By the indexes alone: selects from each arm as many as the page can need, then the page among
  // them.
  const reach = page.limit + page.offset;
  const heads = arms.map(({ source, where, isUnordered }) => {
    const sign = sql.raw(isUnordered === true ? '+' : '');
    return sql`select * from (select id, created_at from ${sql.table(source)} where ${all(where)}
      order by ${sign}created_at ${order}, ${sign}id ${order} limit ${reach})`;
  });
  const direction = sql`order by created_at ${order}, id ${order}`;
  return {
    ids: sql`select id from (${sql.join(heads, sql` union all `)}) ${direction} limit ${page.limit} offset ${page.offset}`.compile(
      compiler,
    ),
    total: sql`select ${sql.join(counts, sql` + `)} as count`.compile(compiler),
  };
}

function armsOf(query: SessionQuery, pairs: readonly Pair[]): readonly Arm[] {
  const { name, idPrefix } = query;
  if (isNothingVisible(query)) return [];
  const filters = [LIVE, ...filtersOf(query, 'sessions'), ...pairs.map(([key, value]) => matchesMetadata('sessions', key, value))];
  if (name !== undefined) {
    const id = idPrefix === undefined ? [] : [hasPrefix('+', idPrefix)];
    return [{ source: 'sessions', where: [sql`name = ${name}`, ...isVisible(query), ...id, ...filters] }];
  }
  if (idPrefix !== undefined) {
    const isSelective = idPrefix.length >= SELECTIVE_PREFIX;
    const where = [hasPrefix(isSelective ? '' : '+', idPrefix), ...isVisible(query), ...filters];
    return [{ source: 'sessions', where, ...(isSelective ? { isUnordered: true } : {}) }];
  }
  const [first, ...others] = pairs;
  if (first === undefined) return parts(query).map((part) => ({ source: 'sessions', where: [...part, ...filters] }));
  const ofRow = filtersOf(query, 'row');
  const rowToo = ofRow.length === 0 ? [] : [sql`exists (${ROW_OF_PAIR} and ${all([LIVE, ...ofRow])})`];
  const matches = [...matchesIndexed(first), ...others.flatMap(matchesAlso), ...rowToo];
  return [
    ...parts(query).map((part): Arm => ({ source: 'session_metadata', where: [...part, ...matches] })),
    { source: 'session_metadata', where: [isOverflow, ...isVisible(query), ...matchesAll(pairs), ...rowToo] },
  ];
}

function isNothingVisible({ visible, spaceId }: SessionQuery): boolean {
  if (visible === 'all') return false;
  const { spaces, owner, ownedIn = [] } = visible;
  if (owner !== undefined && visible.ownedIn === undefined) return false;
  const seen = owner === undefined ? spaces : [...spaces, ...ownedIn];
  return spaceId === undefined ? seen.length === 0 : !seen.includes(spaceId);
}

/**
 * Returns the caller's own sessions outside the spaces it sees as a whole; undefined if there is no
 * such space.
 */
function ownSessions(visible: Exclude<SessionQuery['visible'], 'all'>, sign: '' | '+'): readonly Condition[] | undefined {
  const { spaces, owner, ownedIn } = visible;
  if (owner === undefined) return undefined;
  const mine = sql`${sql.raw(sign)}created_by_id = ${owner}`;
  if (ownedIn === undefined) return spaces.length === 0 ? [mine] : [mine, sql`+space_id not in ${listOf(spaces)}`];
  const seen = new Set(spaces);
  const others = ownedIn.filter((id) => !seen.has(id));
  return others.length === 0 ? undefined : [mine, sql`+space_id in ${listOf(others)}`];
}

/** One parameter for any number of ids: SQLite bounds the number of parameters. */
const listOf = (ids: readonly string[]): Condition => sql`(select value from json_each(${JSON.stringify(ids)}))`;

/**
 * Splits the visible sessions into disjoint parts with an index each; one part without for a caller
 * of many spaces.
 */
function parts(query: SessionQuery): readonly (readonly Condition[])[] {
  const { visible, spaceId } = query;
  const inSpace = (id: string) => [sql`space_id = ${id}`];
  if (spaceId !== undefined && (visible === 'all' || visible.spaces.includes(spaceId))) return [inSpace(spaceId)];
  if (visible === 'all') return [[]];
  const spaces = [...new Set(visible.spaces)];
  if (spaceId !== undefined) return [[sql`created_by_id = ${visible.owner}`, sql`+space_id = ${spaceId}`]];
  if (spaces.length > MAX_SPACES_APART) return [isVisible(query)];
  const own = ownSessions(visible, '');
  return [...spaces.map(inSpace), ...(own === undefined ? [] : [own])];
}

/**
 * The same condition for rows found otherwise: the plus keeps SQLite from using an index on these
 * columns.
 */
function isVisible({ visible, spaceId }: SessionQuery): readonly Condition[] {
  const asked = spaceId === undefined ? [] : [sql`+space_id = ${spaceId}`];
  if (visible === 'all') return asked;
  const inSpaces = sql`+space_id in ${listOf(visible.spaces)}`;
  const own = ownSessions(visible, '+');
  return [own === undefined ? inSpaces : sql`(${inSpaces} or ${all(own)})`, ...asked];
}

/** Whether the guest of a session has messages without an answer. Few sessions have any. */
const isBusy = (session: 'sessions' | 'row'): Condition =>
  sql`exists (select 1 from queue where queue.session_id = ${sql.ref(session)}.id and queue.accepted_at is not null)`;

/** `session` is the name of the sessions' table in the query. */
function filtersOf(query: SessionQuery, session: 'sessions' | 'row'): readonly Condition[] {
  const states = (query.states ?? []).map(({ desired, phase, busy }) =>
    all([
      sql`desired = ${desired}`,
      sql`phase = ${phase}`,
      ...(busy === undefined ? [] : [busy ? isBusy(session) : sql`not ${isBusy(session)}`]),
    ]),
  );
  return [
    ...(query.createdBy === undefined ? [] : [sql`created_by = ${query.createdBy}`]),
    ...(query.states === undefined ? [] : [sql`(${sql.join(states, sql` or `)})`]),
  ];
}

/** Ids are lower-case hexadecimal digits and dashes, which all sort before "g". */
const hasPrefix = (sign: '' | '+', prefix: string): Condition =>
  sql`${sql.raw(sign)}id >= ${prefix} and ${sql.raw(sign)}id < ${`${prefix}g`}`;

const all = (conditions: readonly Condition[]): Condition => sql`(${sql.join([sql`true`, ...conditions], sql` and `)})`;
