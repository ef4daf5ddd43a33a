import { type RawBuilder, sql } from 'kysely';
import type { PageRequest } from '../../../contract/pages.ts';
import type { MessageId, SessionId } from '../../../domain/engine/ids.ts';
import { HOPS, MESSAGES } from '../../../domain/messages/rows.ts';
import type { MessageQuery } from '../../../services/engine/lists.ts';
import { selection } from '../columns.ts';

const COLUMNS = sql.raw(selection(MESSAGES));
const TABLES = { messages: sql.raw('messages'), hops: sql.raw('hops') };

type Condition = RawBuilder<unknown>;

/** Returns a page of a session's messages by seq, and their number. */
export function messagePage(session: SessionId, query: MessageQuery, { order = 'asc', limit, offset }: PageRequest) {
  const where = conditionOf(session, query);
  // SQLite reads each half by its index and merges the two, so neither is sorted.
  const halves = tablesOf(query).map((table) => sql`select ${COLUMNS} from ${TABLES[table]} where ${where}`);
  const rows = sql`${sql.join(halves, sql` union all `)} order by seq ${sql.raw(order)} limit ${limit} offset ${offset}`;
  return { rows, total: countOf(query, where) };
}

export const messageCount = (session: SessionId, query: Pick<MessageQuery, 'hops'>) => countOf(query, conditionOf(session, {}));

/** Selects the questions and answers of a message's hops. */
export const hopsOf = (message: MessageId) => sql`select ${sql.raw(selection(HOPS))} from hops where message_id = ${message} order by seq`;

const tablesOf = ({ hops = false }: Pick<MessageQuery, 'hops'>) => (hops ? (['messages', 'hops'] as const) : (['messages'] as const));

function countOf(query: Pick<MessageQuery, 'hops'>, where: Condition) {
  const counts = tablesOf(query).map((table) => sql`(select count(*) from ${TABLES[table]} where ${where})`);
  return sql`select ${sql.join(counts, sql` + `)} as count`;
}

const conditionOf = (session: SessionId, query: Omit<MessageQuery, 'hops'>): Condition =>
  sql.join(
    [
      sql`session_id = ${session}`,
      ...(query.role === undefined ? [] : [sql`role = ${query.role}`]),
      ...(query.afterSeq === undefined ? [] : [sql`seq > ${query.afterSeq}`]),
      ...(query.afterTime === undefined ? [] : [sql`created_at > ${query.afterTime}`]),
    ],
    sql` and `,
  );
