import { ACCOUNTS, API_KEYS, BINDINGS, REVOKED_TOKENS, ROLES } from '../access/rows.ts';
import { AGENTS } from '../agents/rows.ts';
import type { AuditPart, AuditRecord } from '../audit/audit.ts';
import { BUILDS } from '../builds/rows.ts';
import { CONDEMNED_IMAGES, IMAGES } from '../images/rows.ts';
import type { QueueRow } from '../messages/rows.ts';
import { BACKLOG, HOPS, MESSAGES, QUEUE } from '../messages/rows.ts';
import { NODE_TOKENS, NODES } from '../nodes/rows.ts';
import { PORT_SHARES } from '../ports/rows.ts';
import { SANDBOXES } from '../sandboxes/rows.ts';
import { SESSIONS, TOMBSTONES } from '../sessions/rows.ts';
import { SLOTS } from '../slots/rows.ts';
import { SECRETS, SPACES } from '../spaces/rows.ts';
import { integer, type RowOf, text } from './fields.ts';
import type { SessionId, SpaceId } from './ids.ts';

export const IDEMPOTENCY = {
  /** A keyed hash of the caller and its Idempotency-Key. */
  id: text(),
  bodyHash: text(),
  /** The id of the created resource. */
  madeId: text(),
  createdAt: integer(),
};

/**
 * The tables of the store, each with a unique `id`. Times are Unix milliseconds, given by the applier.
 * Rows refer to one another by id; names are for people.
 */
export const TABLES = {
  accounts: ACCOUNTS,
  roles: ROLES,
  bindings: BINDINGS,
  apiKeys: API_KEYS,
  revokedTokens: REVOKED_TOKENS,
  spaces: SPACES,
  secrets: SECRETS,
  agents: AGENTS,
  builds: BUILDS,
  images: IMAGES,
  condemnedImages: CONDEMNED_IMAGES,
  sessions: SESSIONS,
  slots: SLOTS,
  sandboxes: SANDBOXES,
  portShares: PORT_SHARES,
  messages: MESSAGES,
  hops: HOPS,
  queue: QUEUE,
  backlog: BACKLOG,
  tombstones: TOMBSTONES,
  nodes: NODES,
  nodeTokens: NODE_TOKENS,
  idempotency: IDEMPOTENCY,
};
export type Tables = { readonly [Name in keyof typeof TABLES]: RowOf<(typeof TABLES)[Name]> };

export type TableName = keyof Tables;

export type Mutation =
  | { [Name in TableName]: { readonly kind: 'put'; readonly table: Name; readonly row: Tables[Name] } }[TableName]
  | { readonly kind: 'remove'; readonly table: Exclude<TableName, 'queue'>; readonly id: string }
  /** Removes an answered message from its queue. */
  | { readonly kind: 'dequeue'; readonly row: QueueRow }
  /** Empties a session's queue, because its messages are or will be deleted. */
  | { readonly kind: 'empty-queue'; readonly sessionId: SessionId }
  /**
   * Copies another session's messages to a new session, from that seq on, except those in its
   * queue: with the same numbers, and ids of their own.
   */
  | { readonly kind: 'copy-messages'; readonly from: SessionId; readonly to: SessionId; readonly fromSeq: number }
  /** Appends to the audit log. */
  | { readonly kind: 'audit'; readonly record: AuditRecord }
  /**
   * For retention: removes at most `limit` of the oldest audit records of a part, up to that
   * number.
   */
  | { readonly kind: 'prune-audit'; readonly part: AuditPart; readonly upTo: number; readonly limit: number }
  /** For retention: removes at most `limit` rows older than `before` from a history table. */
  | {
      readonly kind: 'prune';
      readonly table: 'events' | 'idempotency' | 'nodeTokens' | 'sessions' | 'revokedTokens';
      readonly before: number;
      readonly limit: number;
      /** Only events of this space. */
      readonly spaceId?: SpaceId;
    };

/** History tables. */
export type Prunable = Extract<Mutation, { kind: 'prune' }>['table'];

export const put = <Name extends TableName>(table: Name, row: Tables[Name]): Mutation => ({ kind: 'put', table, row }) as Mutation;
