/** Pages of sessions out of those that a caller may see, found by an index however many sessions there are. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { PageRequest } from '../../../contract/pages.ts';
import { SESSIONS } from '../../../domain/sessions/rows.ts';
import { SHOWN_OF_SESSIONS } from '../../../domain/sessions/session-object.ts';
import type { SessionQuery } from '../../../services/engine/lists.ts';
import { selection } from '../columns.ts';
import type { Query } from '../reader/reader.ts';
import { allSaid, isOverflow, type Pair, saysAsWell, saysIndexed, saysInMetadata } from './metadata-conditions.ts';

export type Condition = RawBuilder<unknown>;
/** What rows are found in. Both have the columns that visibility and order are judged by. */
type Source = 'sessions' | 'session_metadata';

/** A part of the rows that a query asks for. No two arms of a query have a row in common. */
interface Arm {
  readonly source: Source;
  readonly where: readonly Condition[];
  /** The index that finds the rows does not have them in order: they are few, and are sorted. */
  readonly isUnordered?: true;
}

/** Most of a session is not for a list: what is left out needs neither be read nor brought over from the reading thread. */
const SHOWN = sql.raw(selection(SESSIONS, SHOWN_OF_SESSIONS));

/** Up to so many spaces, a caller's sessions are found space by space. SQLite takes at most 500 terms in a compound SELECT. */
export const MAX_SPACES_APART = 64;
/** Sessions whose ids have so many characters in common are few. */
const SELECTIVE_PREFIX = 4;

/** As in the partial indexes, so that they serve. */
const LIVE = sql`desired <> 'deleted'`;

/** Of a row of the metadata, by an index that has all that lists filter by. */
const ROW_OF_PAIR = sql`select 1 from sessions as row indexed by sessions_created
  where row.created_at = session_metadata.created_at and row.id = session_metadata.id`;

/**
 * The statements that read one page, and how many there are in all. `pairs` are those of the query's metadata: the first one finds the sessions,
 * and should be the rarest.
 */
export function sessionPage(
  compiler: Kysely<unknown>,
  query: SessionQuery,
  page: PageRequest,
  pairs: readonly Pair[] = Object.entries(query.metadata ?? {}),
): { rows: Query; total: Query } {
  const arms = armsOf(query, pairs);
  if (arms.length === 0) {
    return { rows: sql`select id from sessions where false`.compile(compiler), total: sql`select 0 as count`.compile(compiler) };
  }
  const order = sql.raw(page.order ?? 'desc');
  const counts = arms.map(({ source, where }) => sql`(select count(*) from ${sql.table(source)} where ${all(where)})`);
  // Which rows, by the indexes alone: of each arm no more than the page may need of it, then the page out of these. Then the rows themselves.
  const reach = page.limit + page.offset;
  const heads = arms.map(({ source, where, isUnordered }) => {
    const sign = sql.raw(isUnordered === true ? '+' : '');
    return sql`select * from (select id, created_at from ${sql.table(source)} where ${all(where)}
      order by ${sign}created_at ${order}, ${sign}id ${order} limit ${reach})`;
  });
  const direction = sql`order by created_at ${order}, id ${order}`;
  const ids = sql`select id from (${sql.join(heads, sql` union all `)}) ${direction} limit ${page.limit} offset ${page.offset}`;
  return {
    rows: sql`select ${SHOWN} from sessions where id in (${ids}) ${direction}`.compile(compiler),
    total: sql`select ${sql.join(counts, sql` + `)} as count`.compile(compiler),
  };
}

function armsOf(query: SessionQuery, pairs: readonly Pair[]): readonly Arm[] {
  const { name, idPrefix } = query;
  if (isNothingVisible(query)) return [];
  const filters = [LIVE, ...filtersOf(query), ...pairs.map(([key, value]) => saysInMetadata('sessions', key, value))];
  if (name !== undefined) {
    const id = idPrefix === undefined ? [] : [hasPrefix('+', idPrefix)];
    return [{ source: 'sessions', where: [sql`name = ${name}`, ...mayBeSeen(query), ...id, ...filters] }];
  }
  if (idPrefix !== undefined) {
    const isSelective = idPrefix.length >= SELECTIVE_PREFIX;
    const where = [hasPrefix(isSelective ? '' : '+', idPrefix), ...mayBeSeen(query), ...filters];
    return [{ source: 'sessions', where, ...(isSelective ? { isUnordered: true } : {}) }];
  }
  const [first, ...others] = pairs;
  if (first === undefined) return parts(query).map((part) => ({ source: 'sessions', where: [...part, ...filters] }));
  const ofRow = filtersOf(query);
  const rowToo = ofRow.length === 0 ? [] : [sql`exists (${ROW_OF_PAIR} and ${all([LIVE, ...ofRow])})`];
  const said = [...saysIndexed(first), ...others.flatMap(saysAsWell), ...rowToo];
  return [
    ...parts(query).map((part): Arm => ({ source: 'session_metadata', where: [...part, ...said] })),
    { source: 'session_metadata', where: [isOverflow, ...mayBeSeen(query), ...allSaid(pairs), ...rowToo] },
  ];
}

function isNothingVisible({ visible, spaceId }: SessionQuery): boolean {
  if (visible === 'all') return false;
  const { spaces, owner, ownedIn = [] } = visible;
  if (owner !== undefined && visible.ownedIn === undefined) return false;
  const seen = owner === undefined ? spaces : [...spaces, ...ownedIn];
  return spaceId === undefined ? seen.length === 0 : !seen.includes(spaceId);
}

/** The caller's own sessions, out of those spaces that are not seen as a whole. Undefined: there is no such space. */
function ownSessions(visible: Exclude<SessionQuery['visible'], 'all'>, sign: '' | '+'): readonly Condition[] | undefined {
  const { spaces, owner, ownedIn } = visible;
  if (owner === undefined) return undefined;
  const mine = sql`${sql.raw(sign)}created_by_id = ${owner}`;
  if (ownedIn === undefined) return spaces.length === 0 ? [mine] : [mine, sql`+space_id not in ${listOf(spaces)}`];
  const seen = new Set(spaces);
  const others = ownedIn.filter((id) => !seen.has(id));
  return others.length === 0 ? undefined : [mine, sql`+space_id in ${listOf(others)}`];
}

/** One parameter however many there are: SQLite bounds their number. */
const listOf = (ids: readonly string[]): Condition => sql`(select value from json_each(${JSON.stringify(ids)}))`;

/** What may be seen, in parts that have nothing in common and an index each; one part without such an index for a caller of many spaces. */
function parts(query: SessionQuery): readonly (readonly Condition[])[] {
  const { visible, spaceId } = query;
  const inSpace = (id: string) => [sql`space_id = ${id}`];
  if (spaceId !== undefined && (visible === 'all' || visible.spaces.includes(spaceId))) return [inSpace(spaceId)];
  if (visible === 'all') return [[]];
  const spaces = [...new Set(visible.spaces)];
  if (spaceId !== undefined) return [[sql`created_by_id = ${visible.owner}`, sql`+space_id = ${spaceId}`]];
  if (spaces.length > MAX_SPACES_APART) return [mayBeSeen(query)];
  const own = ownSessions(visible, '');
  return [...spaces.map(inSpace), ...(own === undefined ? [] : [own])];
}

/** The same as a question to rows that are found by something else: with the plus, no index on these columns serves. */
function mayBeSeen({ visible, spaceId }: SessionQuery): readonly Condition[] {
  const asked = spaceId === undefined ? [] : [sql`+space_id = ${spaceId}`];
  if (visible === 'all') return asked;
  const inSpaces = sql`+space_id in ${listOf(visible.spaces)}`;
  const own = ownSessions(visible, '+');
  return [own === undefined ? inSpaces : sql`(${inSpaces} or ${all(own)})`, ...asked];
}

function filtersOf(query: SessionQuery): readonly Condition[] {
  const states = (query.states ?? []).map(({ desired, phase, busy }) =>
    all([
      sql`desired = ${desired}`,
      sql`phase = ${phase}`,
      ...(busy === undefined ? [] : [busy ? sql`outstanding > 0` : sql`outstanding = 0`]),
    ]),
  );
  return [
    ...(query.createdBy === undefined ? [] : [sql`created_by = ${query.createdBy}`]),
    ...(query.states === undefined ? [] : [sql`(${sql.join(states, sql` or `)})`]),
  ];
}

/** Ids are lower-case hexadecimal digits and dashes, all of which come before "g". */
const hasPrefix = (sign: '' | '+', prefix: string): Condition =>
  sql`${sql.raw(sign)}id >= ${prefix} and ${sql.raw(sign)}id < ${`${prefix}g`}`;

const all = (conditions: readonly Condition[]): Condition => sql`(${sql.join([sql`true`, ...conditions], sql` and `)})`;
