import type { AccountRow, ApiKeyRow, BindingRow, RevokedTokenRow, RoleRow } from '../access/rows.ts';
import type { AgentRow } from '../agents/rows.ts';
import type { AuditPart, AuditRecord } from '../audit/audit.ts';
import type { BuildRow } from '../builds/rows.ts';
import type { BacklogRow, MessageRow, QueueRow, RunRow } from '../messages/rows.ts';
import type { NodeRow, NodeTokenRow } from '../nodes/rows.ts';
import type { SessionRow, TombstoneRow } from '../sessions/rows.ts';
import type { SecretRow, SpaceRow } from '../spaces/rows.ts';
import type { SessionId, SpaceId } from './ids.ts';

export interface IdempotencyRow {
  /** Keyed hash of the caller and its key. */
  readonly id: string;
  readonly bodyHash: string;
  /** What was made. */
  readonly madeId: string;
  readonly createdAt: number;
}

/**
 * What the store keeps, a table each, keyed by `id`. Times are Unix milliseconds, given by the applier. Names are for people: what
 * refers to another thing refers to its id.
 */
export interface Tables {
  readonly accounts: AccountRow;
  readonly roles: RoleRow;
  readonly bindings: BindingRow;
  readonly apiKeys: ApiKeyRow;
  readonly revokedTokens: RevokedTokenRow;
  readonly spaces: SpaceRow;
  readonly secrets: SecretRow;
  readonly agents: AgentRow;
  readonly builds: BuildRow;
  readonly sessions: SessionRow;
  readonly messages: MessageRow;
  readonly queue: QueueRow;
  readonly backlog: BacklogRow;
  readonly runs: RunRow;
  readonly tombstones: TombstoneRow;
  readonly nodes: NodeRow;
  readonly nodeTokens: NodeTokenRow;
  readonly idempotency: IdempotencyRow;
}

export type TableName = keyof Tables;

export type Mutation =
  | { [Name in TableName]: { readonly kind: 'put'; readonly table: Name; readonly row: Tables[Name] } }[TableName]
  | { readonly kind: 'remove'; readonly table: TableName; readonly id: string }
  /** Takes an answered message off its queue. */
  | { readonly kind: 'dequeue'; readonly row: QueueRow }
  /** Takes everything off a session's queue: its messages are forgotten, or will be. */
  | { readonly kind: 'empty-queue'; readonly sessionId: SessionId }
  /** Gives a new session copies of another's messages from that seq on, except those in its queue: the same numbers, ids of their own. */
  | { readonly kind: 'copy-messages'; readonly from: SessionId; readonly to: SessionId; readonly fromSeq: number }
  /** Appends to the audit record. */
  | { readonly kind: 'audit'; readonly record: AuditRecord }
  /** Its retention: at most `limit` of the oldest records of a part, up to that number. */
  | { readonly kind: 'prune-audit'; readonly part: AuditPart; readonly upTo: number; readonly limit: number }
  /** Retention: at most `limit` rows older than `before` of a table of history. */
  | {
      readonly kind: 'prune';
      readonly table: 'events' | 'runs' | 'idempotency' | 'nodeTokens' | 'sessions' | 'revokedTokens';
      readonly before: number;
      readonly limit: number;
      /** Only events of this space. */
      readonly spaceId?: SpaceId;
    };

/** Tables of history. */
export type Prunable = Extract<Mutation, { kind: 'prune' }>['table'];

export const put = <Name extends TableName>(table: Name, row: Tables[Name]): Mutation => ({ kind: 'put', table, row }) as Mutation;
