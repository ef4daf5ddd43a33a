import {
  DummyDriver,
  type ExpressionBuilder,
  type ExpressionWrapper,
  Kysely,
  type SqlBool,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import type { TableName, Tables } from '../domain/rows.ts';
import type { Page } from '../services/api.ts';
import type { Lists, SessionQuery } from '../services/lists.ts';
import { columnsOf, fromSql, type SqlRow, snake, toSql } from './columns.ts';
import type { Query, Reader } from './reader.ts';

/** The columns that lists filter and order by. */
interface Listed {
  readonly id: string;
  readonly created_at: number;
}
interface Schema {
  readonly sessions: Listed & {
    readonly space_id: string;
    readonly desired: string;
    readonly phase: string;
    readonly outstanding: number;
    readonly created_by: string;
    readonly created_by_id: string;
    readonly metadata: string;
  };
  readonly messages: Listed & { readonly session_id: string; readonly seq: number; readonly role: string };
  readonly agents: Listed;
  readonly accounts: Listed;
  readonly roles: Listed;
  readonly bindings: Listed;
  readonly api_keys: Listed;
  readonly spaces: Listed;
  readonly secrets: Listed;
  readonly builds: Listed;
}
type PlainTable = Exclude<keyof Schema, 'sessions' | 'messages'>;

/** Only compiles; what it makes runs on the reading thread. */
const compiler = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

type Where<Table extends keyof Schema> = (eb: ExpressionBuilder<Schema, Table>) => ExpressionWrapper<Schema, Table, SqlBool>;

export function sqlLists(reader: Pick<Reader, 'read'>): Lists {
  async function page<Name extends TableName>(
    table: Name,
    rows: { compile(): Query },
    total: { compile(): Query },
  ): Promise<Page<Tables[Name]>> {
    const [items, count] = await reader.read([rows.compile(), total.compile()]);
    const columns = columnsOf(table);
    return { items: (items ?? []).map((row) => fromSql<Name>(columns, row)), total: countIn(count) };
  }

  return {
    sessions(query, request) {
      const where = whichSessions(query);
      const rows = compiler.selectFrom('sessions').selectAll().where(where);
      const order = request.order ?? 'desc';
      return page(
        'sessions',
        rows.orderBy('created_at', order).orderBy('id', order).limit(request.limit).offset(request.offset),
        compiler.selectFrom('sessions').select(sql<number>`count(*)`.as('count')).where(where),
      );
    },
    messages(session, query, request) {
      const where: Where<'messages'> = (eb) =>
        eb.and([
          eb('session_id', '=', session),
          ...(query.role === undefined ? [] : [eb('role', '=', query.role)]),
          ...(query.afterSeq === undefined ? [] : [eb('seq', '>', query.afterSeq)]),
          ...(query.afterTime === undefined ? [] : [eb('created_at', '>', query.afterTime)]),
        ]);
      const rows = compiler
        .selectFrom('messages')
        .selectAll()
        .where(where)
        .orderBy('seq', request.order ?? 'asc');
      const total = compiler.selectFrom('messages').select(sql<number>`count(*)`.as('count')).where(where);
      return page('messages', rows.limit(request.limit).offset(request.offset), total);
    },
    async countMessages(session) {
      const query = compiler.selectFrom('messages').select(sql<number>`count(*)`.as('count')).where('session_id', '=', session);
      const [count] = await reader.read([query.compile()]);
      return countIn(count);
    },
    rows(table, equal, request, among) {
      const order = request.order ?? 'desc';
      const columns = columnsOf(table).filter(({ field }) => field in equal);
      const values = toSql(columns, equal);
      // One parameter however many there are: SQLite bounds their number.
      const chosen = among === undefined ? [] : [sql`id in (select value from json_each(${JSON.stringify(among)}))`];
      const equals = columns.map(({ name }, at) => sql`${sql.ref(name)} is ${values[at]}`);
      const where = sql<SqlBool>`${sql.join([sql`true`, ...chosen, ...equals], sql` and `)}`;
      const from = compiler.selectFrom(snake(table) as PlainTable);
      const rows = from.selectAll().where(where).orderBy('created_at', order).orderBy('id', order);
      return page(table, rows.limit(request.limit).offset(request.offset), from.select(sql<number>`count(*)`.as('count')).where(where));
    },
  };
}

const countIn = (rows: readonly SqlRow[] | undefined): number => Number(rows?.[0]?.count ?? 0);

function whichSessions(query: SessionQuery): Where<'sessions'> {
  return (eb) => {
    const { visible } = query;
    const mine =
      visible === 'all'
        ? []
        : [
            visible.spaces.length === 0
              ? eb('created_by_id', '=', visible.owner)
              : eb.or([eb('space_id', 'in', [...visible.spaces]), eb('created_by_id', '=', visible.owner)]),
          ];
    const states = (query.states ?? []).map(({ desired, phase, busy }) =>
      eb.and([
        eb('desired', '=', desired),
        eb('phase', '=', phase),
        ...(busy === undefined ? [] : [eb('outstanding', busy ? '>' : '=', 0)]),
      ]),
    );
    const metadata = Object.entries(query.metadata ?? {}).map(
      ([key, value]) => sql<SqlBool>`cast(json_extract(metadata, ${`$.${JSON.stringify(key)}`}) as text) = ${value}`,
    );
    return eb.and([
      // As in the partial indexes, so that they serve.
      sql<SqlBool>`desired <> 'deleted'`,
      ...mine,
      ...(query.spaceId === undefined ? [] : [eb('space_id', '=', query.spaceId)]),
      ...(query.createdBy === undefined ? [] : [eb('created_by', '=', query.createdBy)]),
      ...(query.states === undefined ? [] : [eb.or(states)]),
      ...metadata,
    ]);
  };
}
