/** Pages of sessions out of those that a caller may see, each part by an index of its own, however many sessions there are. */
import type { ExpressionBuilder, ExpressionWrapper, Kysely, SqlBool } from 'kysely';
import { sql } from 'kysely';
import { SHOWN_OF_SESSIONS } from '../domain/present.ts';
import type { PageRequest } from '../services/caller.ts';
import type { SessionQuery } from '../services/lists.ts';
import { selection } from './columns.ts';
import type { Query } from './reader.ts';

interface SessionColumns {
  readonly id: string;
  readonly created_at: number;
  readonly space_id: string;
  readonly desired: string;
  readonly phase: string;
  readonly outstanding: number;
  readonly created_by: string;
  readonly created_by_id: string;
  readonly metadata: string;
}
export interface Schema {
  readonly sessions: SessionColumns;
}
type Condition = ExpressionWrapper<Schema, 'sessions', SqlBool> | ReturnType<typeof sql<SqlBool>>;
type Build = ExpressionBuilder<Schema, 'sessions'>;

/** Most of a session is not for a list: what is left out needs neither be read nor brought over from the reading thread. */
const SHOWN = sql.raw(selection('sessions', SHOWN_OF_SESSIONS));

/** The statements that read one page, and how many there are in all. */
export function sessionPage(compiler: Kysely<Schema>, query: SessionQuery, page: PageRequest): { rows: Query; total: Query } {
  const order = page.order ?? 'desc';
  const all = parts(query).map((part) => (eb: Build) => eb.and([...part(eb), ...filters(eb, query)]));
  if (all.length === 0) {
    return { rows: sql`select id from sessions where false`.compile(compiler), total: sql`select 0 as count`.compile(compiler) };
  }
  const counts = all.map((where) => sql`(${compiler.selectFrom('sessions').select(sql`count(*)`.as('count')).where(where)})`);
  const total = sql`select ${sql.join(counts, sql` + `)} as count`.compile(compiler);
  // Which rows, by the indexes alone: of each part no more than the page may need of it, then the page out of these. Then the rows themselves.
  const reach = page.limit + page.offset;
  const heads = all.map((where) => {
    const head = compiler.selectFrom('sessions').select(['id', 'created_at']).where(where);
    return sql`select * from (${head.orderBy('created_at', order).orderBy('id', order).limit(reach)})`;
  });
  const direction = sql`order by created_at ${sql.raw(order)}, id ${sql.raw(order)}`;
  const ids = sql`select id from (${sql.join(heads, sql` union all `)}) ${direction} limit ${page.limit} offset ${page.offset}`;
  const rows = sql`select ${SHOWN} from sessions where id in (${ids}) ${direction}`;
  return { rows: rows.compile(compiler), total };
}

/** What may be seen, in parts that have nothing in common and an index each. */
function parts({ visible, spaceId }: SessionQuery): readonly ((eb: Build) => Condition[])[] {
  if (visible === 'all') return [(eb) => (spaceId === undefined ? [] : [eb('space_id', '=', spaceId)])];
  const { owner } = visible;
  const spaces = [...new Set(visible.spaces)];
  if (spaceId !== undefined && spaces.includes(spaceId)) return [(eb) => [eb('space_id', '=', spaceId)]];
  if (spaceId !== undefined)
    return owner === undefined ? [] : [(eb) => [eb('created_by_id', '=', owner), sql<SqlBool>`+space_id = ${spaceId}`]];
  const bySpace = spaces.map((space) => (eb: Build) => [eb('space_id', '=', space)]);
  if (owner === undefined) return bySpace;
  const others = spaces.length === 0 ? [] : [sql<SqlBool>`+space_id not in (${sql.join(spaces)})`];
  return [...bySpace, (eb) => [eb('created_by_id', '=', owner), ...others]];
}

function filters(eb: Build, query: SessionQuery): Condition[] {
  const states = (query.states ?? []).map(({ desired, phase, busy }) =>
    eb.and([eb('desired', '=', desired), eb('phase', '=', phase), ...(busy === undefined ? [] : [isBusy(busy)])]),
  );
  return [
    // As in the partial indexes, so that they serve.
    sql<SqlBool>`desired <> 'deleted'`,
    ...(query.createdBy === undefined ? [] : [eb('created_by', '=', query.createdBy)]),
    ...(query.states === undefined ? [] : [eb.or(states)]),
    ...Object.entries(query.metadata ?? {}).map(([key, value]) => saysInMetadata(key, value)),
  ];
}

/** As a question of its own, asked of those that run alone: with the column itself, which no index has, every row would be read. */
const isBusy = (busy: boolean): Condition =>
  sql<SqlBool>`(select outstanding from sessions as row where row.id = sessions.id) ${sql.raw(busy ? '>' : '=')} 0`;

/** Text as it is; what is no text by its JSON, as `true` or `3`. */
function saysInMetadata(key: string, value: string): Condition {
  const path = `$.${JSON.stringify(key)}`;
  return sql<SqlBool>`case json_type(metadata, ${path}) when 'text' then metadata ->> ${path} else metadata -> ${path} end = ${value}`;
}
