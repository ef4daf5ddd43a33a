import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely';
import { MAX_PAGE_BYTES } from '../../../contract/pages.ts';
import type { SessionId } from '../../../domain/engine/ids.ts';
import { TABLES, type TableName, type Tables } from '../../../domain/engine/mutation.ts';
import { type RestState, restState } from '../../../domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../../domain/sessions/rows.ts';
import type { Page } from '../../../services/access/caller.ts';
import type { Lists } from '../../../services/engine/lists.ts';
import { AUDIT_BEFORE_SQL, AUDIT_SELECTION, auditBeyondSql, storedAudit } from '../audit.ts';
import { AGENTS_OF_BUILDS_IN_USE } from '../builds-in-use.ts';
import { columnsOf, rowIn, type SqlRow, selection, snake, toSql } from '../columns.ts';
import type { Query, Reader } from '../reader/reader.ts';
import { auditPage } from './audit-lists.ts';
import { hopsOf, messageCount, messagePage } from './message-lists.ts';
import { countOf, type Pair } from './metadata-conditions.ts';
import { sandboxPage } from './sandbox-lists.ts';
import { sessionPage, sessionRows } from './session-lists.ts';
import { sessionsWithLogs } from './sessions-with-logs.ts';

/** Only compiles statements. The reader thread runs them. */
const compiler = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

export function sqlLists(reader: Pick<Reader, 'read'>): Lists {
  async function page<Name extends TableName>(table: Name, rows: Query, total: Query): Promise<Page<Tables[Name]>> {
    const [items, count] = await reader.read([{ ...rows, maxBytes: MAX_PAGE_BYTES }, total]);
    return { items: (items ?? []).map((row) => rowIn(table, row)), total: countIn(count) };
  }

  async function rarestFirst(pairs: readonly Pair[]): Promise<readonly Pair[]> {
    if (pairs.length < 2) return pairs;
    const counts = await reader.read(pairs.map((pair) => countOf(pair).compile(compiler)));
    return pairs
      .map((pair, at) => ({ pair, count: countIn(counts[at]) }))
      .sort((a, b) => a.count - b.count)
      .map(({ pair }) => pair);
  }

  return {
    async sessions(query, request) {
      const queries = sessionPage(compiler, query, request, await rarestFirst(Object.entries(query.metadata ?? {})));
      const [ids = [], total] = await reader.read([queries.ids, queries.total]);
      return { items: ids.map(({ id }) => id as SessionId), total: countIn(total) };
    },
    sessionRows(ids, order) {
      const { rows, total } = sessionRows(compiler, ids, order);
      return page('sessions', rows, total);
    },
    async sandboxes(query) {
      const [rows = []] = await reader.read([sandboxPage(compiler, query)]);
      return rows.map(({ id }) => id as SessionId);
    },
    messages(session, query, request) {
      const { rows, total } = messagePage(session, query, request);
      return page('messages', rows.compile(compiler), total.compile(compiler));
    },
    async hops(message) {
      const [rows = []] = await reader.read([hopsOf(message).compile(compiler)]);
      return rows.map((row) => rowIn('hops', row));
    },
    async audit(query, request) {
      const { rows, total } = auditPage(query, request);
      const [items, count] = await reader.read([{ ...rows.compile(compiler), maxBytes: MAX_PAGE_BYTES }, total.compile(compiler)]);
      return { items: (items ?? []).map(storedAudit), total: countIn(count) };
    },
    async auditAfter(number, limit) {
      const sql = `select ${AUDIT_SELECTION} from audit where number > ? order by number limit ?`;
      const [rows = []] = await reader.read([{ sql, parameters: [number, limit] }]);
      return rows.map(storedAudit);
    },
    async auditCutoffs({ before, rows }) {
      const parts = ['messages', 'strangers', 'refused', 'all'] as const;
      const found = await reader.read([
        ...parts.map((part) => ({ sql: AUDIT_BEFORE_SQL, parameters: [before[part], before[part]] })),
        ...parts.map((part) => ({ sql: auditBeyondSql(part), parameters: [rows[part]] })),
      ]);
      const numbers = found.map(([row]) => Number(row?.number ?? 0));
      const cutoffs = ([messages = 0, strangers = 0, refused = 0, all = 0]: readonly number[]) => ({ messages, strangers, refused, all });
      return { byAge: cutoffs(numbers.slice(0, parts.length)), byRows: cutoffs(numbers.slice(parts.length)) };
    },
    async countMessages(session, query = {}) {
      const [count] = await reader.read([messageCount(session, query).compile(compiler)]);
      return countIn(count);
    },
    async countSessions() {
      const byPhase = sql`select desired, phase, count(*) as count from sessions where desired <> 'deleted' group by desired, phase`;
      const busy = sql`select count(*) as count from (select distinct session_id from queue where accepted_at is not null)`;
      const [phases, held] = await reader.read([byPhase.compile(compiler), busy.compile(compiler)]);
      const counts: Record<RestState, number> = { init: 0, idle: 0, busy: 0, paused: 0, suspended: 0, error: 0 };
      for (const row of phases ?? []) counts[restState({ ...phaseIn(row), outstanding: 0 })] += Number(row.count);
      counts.busy = Math.min(counts.idle, countIn(held));
      counts.idle -= counts.busy;
      return counts;
    },
    async sourceInUse(digest) {
      const query = sql`select (exists (select 1 from agents where source_digest = ${digest})
        or exists (select 1 from (${sql.raw(AGENTS_OF_BUILDS_IN_USE)}) used, json_each(used.agents)
          where json_extract(value, '$.digest') = ${digest})) as count`;
      const [found] = await reader.read([query.compile(compiler)]);
      return countIn(found) === 1;
    },
    async sessionsWithLogs(scope, limit) {
      const [rows = []] = await reader.read([sessionsWithLogs(scope, limit)]);
      return { ids: rows.map(({ id }) => id as SessionId), total: countIn(rows) };
    },
    rows(table, equal, request, among) {
      const columns = columnsOf(TABLES[table]).filter(({ field }) => field in equal);
      const values = toSql(columns, equal);
      // One parameter for any number of ids: SQLite bounds the number of parameters.
      const chosen = among === undefined ? [] : [sql`id in (select value from json_each(${JSON.stringify(among)}))`];
      // These rows are found by key, even if many others have the same values: the plus keeps the
      // planner from using the indexes of these columns.
      const sign = sql.raw(among === undefined ? '' : '+');
      const equals = columns.map(({ name }, at) => sql`${sign}${sql.ref(name)} is ${values[at]}`);
      const from = sql`from ${sql.table(snake(table))} where ${sql.join([sql`true`, ...chosen, ...equals], sql` and `)}`;
      const order = sql.raw(request.order ?? 'desc');
      const rows = sql`select ${sql.raw(selection(TABLES[table]))} ${from}
        order by created_at ${order}, id ${order} limit ${request.limit} offset ${request.offset}`;
      const total = sql`select count(*) as count ${from}`;
      return page(table, rows.compile(compiler), total.compile(compiler));
    },
  };
}

/** The writer stores no other values. */
const phaseIn = ({ desired, phase }: SqlRow) => ({ desired, phase }) as Pick<SessionRow, 'desired' | 'phase'>;

const countIn = (rows: readonly SqlRow[] | undefined): number => Number(rows?.[0]?.count ?? 0);
