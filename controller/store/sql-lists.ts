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
import type { Lists } from '../services/lists.ts';
import { columnsOf, fromSql, type SqlRow, snake, toSql } from './columns.ts';
import type { Query, Reader } from './reader.ts';
import { type SessionColumns, sessionPage } from './session-lists.ts';

/** The columns that lists filter and order by. */
interface Listed {
  readonly id: string;
  readonly created_at: number;
}
interface Schema {
  readonly sessions: SessionColumns;
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
  async function page<Name extends TableName>(table: Name, rows: Query, total: Query): Promise<Page<Tables[Name]>> {
    const [items, count] = await reader.read([rows, total]);
    const columns = columnsOf(table);
    return { items: (items ?? []).map((row) => fromSql<Name>(columns, row)), total: countIn(count) };
  }

  return {
    async sessions(query, request) {
      const { rows, total } = sessionPage(compiler, query, request);
      return page('sessions', rows, total);
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
      return page('messages', rows.limit(request.limit).offset(request.offset).compile(), total.compile());
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
      const total = from.select(sql<number>`count(*)`.as('count')).where(where);
      return page(table, rows.limit(request.limit).offset(request.offset).compile(), total.compile());
    },
  };
}

const countIn = (rows: readonly SqlRow[] | undefined): number => Number(rows?.[0]?.count ?? 0);
