import type Database from 'better-sqlite3';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { TABLES, type TableName, type Tables } from '../../domain/engine/mutation.ts';
import type { View } from '../../domain/engine/view.ts';
import type { PastMessage } from '../../domain/messages/view.ts';
import { oldAuditSql } from './audit.ts';
import { rowIn, type SqlRow, type SqlValue, selection, snake } from './columns.ts';
import { overdueSql } from './pruning.ts';

/** As the partial index on the queue says it. */
const UNDELIVERED = 'accepted_at is null and agent is not null';
/** As the partial index on spaces says it. */
export const HAS_RETENTION = `json_extract(settings, '$.retention') is not null`;
const SIZE = 'octet_length(content) + octet_length(metadata)';
const HISTORY = `select role, created_at as createdAt, ${SIZE} as size, case when ${SIZE} <= ? then content end as content from messages
  where session_id = ? and seq < ? order by seq desc limit ?`;
const EMPTY = { messages: 0, bytes: 0 };

interface Prepared {
  readonly ofTables: Map<TableName, Map<string, Database.Statement<SqlValue[], SqlRow>>>;
  readonly narrow: Map<string, Database.Statement<SqlValue[], unknown>>;
}

/** Of builds. Written as the indexes have it, so that they are used. */
const OPEN = `status in ('pending','building')`;

/**
 * A {@link View} of what a connection sees: the applier's own transaction, or the last commit. `connection` is asked before each read for the one to read with.
 */
export function sqliteView(connection: () => Database.Database): View {
  const prepared = new Map<Database.Database, Prepared>();

  function preparedFor(database: Database.Database): Prepared {
    const known = prepared.get(database) ?? { ofTables: new Map(), narrow: new Map() };
    prepared.set(database, known);
    return known;
  }
  function statement(table: TableName, rest: string): Database.Statement<SqlValue[], SqlRow> {
    const database = connection();
    const { ofTables } = preparedFor(database);
    const known = ofTables.get(table)?.get(rest);
    if (known !== undefined) return known;
    const made = database.prepare<SqlValue[], SqlRow>(`select ${selection(TABLES[table])} from ${snake(table)} ${rest}`);
    const ofTable = ofTables.get(table) ?? new Map<string, typeof made>();
    ofTables.set(table, ofTable.set(rest, made));
    return made;
  }
  const all = <Name extends TableName>(table: Name, rest: string, ...parameters: SqlValue[]): Tables[Name][] =>
    statement(table, rest)
      .all(...parameters)
      .map((row) => rowIn(table, row));
  function one<Name extends TableName>(table: Name, rest: string, ...parameters: SqlValue[]): Tables[Name] | undefined {
    const row = statement(table, rest).get(...parameters);
    return row === undefined ? undefined : rowIn(table, row);
  }
  /** Of a statement of its own, where not whole rows are read. */
  function own<Row>(text: string): Database.Statement<SqlValue[], Row> {
    const database = connection();
    const { narrow } = preparedFor(database);
    const known = narrow.get(text) ?? database.prepare<SqlValue[], unknown>(text);
    narrow.set(text, known);
    return known as Database.Statement<SqlValue[], Row>;
  }
  const rows = <Row>(text: string, ...parameters: SqlValue[]): Row[] => own<Row>(text).all(...parameters);
  const row = <Row>(text: string, ...parameters: SqlValue[]): Row | undefined => own<Row>(text).get(...parameters);

  return {
    get: (table, id) => one(table, 'where id = ?', id),
    hasAccounts: () => one('accounts', 'limit 1') !== undefined,
    accountByUser: (user) => one('accounts', 'where user = ?', user),
    roleByName: (name) => one('roles', 'where name = ?', name),
    bindingsOf: (accountId) => all('bindings', 'where account_id = ?', accountId),
    bindingsTo: (roleId) => all('bindings', 'where role_id = ?', roleId),
    bindingsIn: (spaceId) => all('bindings', 'where space_id = ?', spaceId),
    apiKeyByHash: (keyHash) => one('apiKeys', 'where key_hash = ?', keyHash),
    apiKeysOf: (accountId) => all('apiKeys', 'where account_id = ? order by created_at, id', accountId),
    revokedTokens: () => all('revokedTokens', ''),
    spacesWithRetention: () => all('spaces', `where ${HAS_RETENTION}`),
    spaceByName: (name) => one('spaces', 'where name = ?', name),
    secretByName: (spaceId, keyName) => one('secrets', 'where space_id = ? and key_name = ?', spaceId, keyName),
    secretsIn: (spaceId) => all('secrets', 'where space_id = ? order by key_name', spaceId),
    secretsNotUnder: (keyId, limit) => all('secrets', 'where key_id <> ? limit ?', keyId, limit),
    sealingKeyIds: () => rows<{ key_id: string }>('select distinct key_id from secrets').map((row) => row.key_id),
    hasSessionIn: (spaceId) => one('sessions', `where space_id = ? and desired <> 'deleted' limit 1`, spaceId) !== undefined,
    agentByName: (spaceId, name) => one('agents', 'where space_id = ? and name = ?', spaceId, name),
    agentsIn: (spaceId) => all('agents', 'where space_id = ? order by created_at, id', spaceId),
    buildsIn: (spaceId) => all('builds', 'where space_id = ?', spaceId),
    newestBuild: (spaceId, status) =>
      status === undefined
        ? one('builds', 'where space_id = ? order by created_at desc limit 1', spaceId)
        : one('builds', 'where space_id = ? and status = ? order by created_at desc limit 1', spaceId, status),
    buildOfImage: (spaceId, image) =>
      one('builds', `where space_id = ? and image = ? and status = 'completed' order by created_at desc limit 1`, spaceId, image),
    assignedBuilds: (nodeId) =>
      nodeId === undefined
        ? all('builds', `where ${OPEN} and node_id > '' order by +created_at`)
        : all('builds', `where ${OPEN} and node_id = ? order by created_at`, nodeId),
    waitingBuilds: (limit) =>
      all(
        'builds',
        `where ${OPEN} and node_id is null
           and not exists (select 1 from builds other where other.space_id = builds.space_id and other.${OPEN}
             and (other.node_id is not null or other.created_at < builds.created_at))
         order by created_at limit ?`,
        limit,
      ),
    openBuilds: () => all('builds', `where status in ('pending','building') order by created_at`),
    nodeByName: (name) => one('nodes', 'where name = ?', name),
    nodes: () => all('nodes', 'order by joined_at, id'),
    sessionsOn: (nodeId) => all('sessions', `where node_id = ? and desired <> 'deleted'`, nodeId),
    sessionsOnAfter: (nodeId, after, limit) =>
      all('sessions', `where node_id = ? and desired <> 'deleted' and id > ? order by id limit ?`, nodeId, after, limit),
    statesOn: (nodeId, after, limit) =>
      rows(
        `select id, generation, phase from sessions where node_id = ? and desired <> 'deleted' and id > ? order by id limit ?`,
        ...[nodeId, after, limit],
      ),
    unfailedOn: (nodeId, limit) =>
      all('sessions', `where node_id = ? and desired <> 'deleted' and desired <> 'failed' limit ?`, nodeId, limit),
    copiesUnderWay: (source, limit) =>
      rows(`select 1 from sessions where copy_from = ? and desired not in ('deleted', 'failed') limit ?`, source, limit).length,
    spacesOfSessionsBy: (accountId) =>
      rows<{ space_id: SpaceId }>(`select distinct space_id from sessions where created_by_id = ? and desired <> 'deleted'`, accountId).map(
        (row) => row.space_id,
      ),
    sessionsWithTimeouts: (after, limit) =>
      all('sessions', `where timeouts <> '{}' and desired <> 'deleted' and id > ? order by id limit ?`, after, limit),
    tombstonesOf: (nodeId, after = '', limit = -1) =>
      all('tombstones', 'where node_id = ? and id > ? order by id limit ?', nodeId, after, limit),
    queued: (sessionId, limit) => all('queue', 'where session_id = ? order by seq limit ?', sessionId, limit),
    undelivered: (sessionId, limit) => all('queue', `where session_id = ? and ${UNDELIVERED} order by seq limit ?`, sessionId, limit),
    queueUse: (sessionId) =>
      row('select count(*) as messages, coalesce(sum(bytes), 0) as bytes from queue where session_id = ?', sessionId) ?? EMPTY,
    historyUse: (sessionId) => row('select messages, bytes from session_history where id = ?', sessionId) ?? EMPTY,
    oldestSettled: (sessionId, limit) =>
      rows(
        `select id, seq, octet_length(content) + octet_length(metadata) as bytes from messages
         where session_id = ? and not exists (select 1 from queue where queue.id = messages.id) order by seq limit ?`,
        ...[sessionId, limit],
      ),
    storedBytes: (spaceId) => row<{ bytes: number }>('select bytes from space_storage where id = ?', spaceId)?.bytes ?? 0,
    isQueued: (sessionId) => row('select 1 from queue where session_id = ? limit 1', sessionId) !== undefined,
    askedBefore: (sessionId, seq) =>
      row<{ seq: number }>(
        'select seq from queue where session_id = ? and seq < ? and agent is not null order by seq desc limit 1',
        ...[sessionId, seq],
      )?.seq ?? 0,
    heldAgents: (sessionId) =>
      rows<{ agent: string }>(
        'select distinct agent from queue where session_id = ? and accepted_at is not null and agent is not null',
        sessionId,
      ).map(({ agent }) => agent),
    backlogged: (limit) => all('backlog', 'order by created_at limit ?', limit),
    answerTo: (messageId) => one('messages', 'where in_reply_to = ?', messageId),
    messagesBefore: (sessionId, seq, limit) =>
      all('messages', 'where session_id = ? and seq < ? order by seq desc limit ?', sessionId, seq, limit),
    historyBefore(sessionId, seq, { messages, bytes }) {
      const found: PastMessage[] = [];
      let left = bytes;
      for (const { size, ...message } of own<PastMessage & { size: number }>(HISTORY).iterate(bytes, sessionId, seq, messages)) {
        left -= size;
        if (left < 0) break;
        found.push(message);
      }
      return found;
    },
    messageSizes: (sessionId, belowSeq, limit) =>
      rows(
        `select id, seq, ${SIZE} as bytes from messages
         where session_id = ? and seq < ? order by seq desc limit ?`,
        ...[sessionId, belowSeq, limit],
      ),
    isOverdue: (table, before, spaceId) =>
      row(overdueSql(table, spaceId !== undefined), ...(spaceId === undefined ? [] : [spaceId]), before, 1) !== undefined,
    hasAudit: (part, upTo) => row(oldAuditSql(part), upTo, 1) !== undefined,
    runIds: (sessionId, limit) =>
      rows<{ id: string }>('select id from runs where session_id = ? limit ?', sessionId, limit).map(({ id }) => id),
    runOf: (messageId) => one('runs', 'where message_id = ?', messageId),
  };
}
