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
import { columnsOf, fromSql, type SqlRow } from './columns.ts';
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
  readonly agents: Listed & { readonly space_id: string };
}

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
  async function page<Name extends TableName & keyof Schema>(
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
    agents(space, request) {
      const order = request.order ?? 'desc';
      const rows = compiler
        .selectFrom('agents')
        .selectAll()
        .where('space_id', '=', space)
        .orderBy('created_at', order)
        .orderBy('id', order);
      const total = compiler.selectFrom('agents').select(sql<number>`count(*)`.as('count')).where('space_id', '=', space);
      return page('agents', rows.limit(request.limit).offset(request.offset), total);
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
