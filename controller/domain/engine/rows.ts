/**
 * What the store keeps, a table each, all keyed by `id`. Times are Unix milliseconds, given by the applier.
 * Names are for people: what refers to another thing refers to its id.
 */
import type { AuditPart, AuditRecord } from '../audit/audit.ts';
import type { AccountId, AgentId, BuildId, MessageId, NodeId, SessionId, SpaceId } from './ids.ts';

export interface AccountRow {
  readonly id: AccountId;
  readonly user: string;
  readonly passwordHash: string;
  readonly description: string | null;
  readonly active: boolean;
  /** In every token; raised by what ends older tokens. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastLoginAt: number | null;
}

/** A rule allows its verbs on its resources; `*` is a wildcard in each list, `resource_names` narrows it to things of these names. */
export interface Rule {
  readonly api_groups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resource_names?: readonly string[];
}

export interface RoleRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly rules: readonly Rule[];
  /** Kept as the program says at each start; it cannot be removed. */
  readonly builtIn: boolean;
  readonly createdAt: number;
}

export interface BindingRow {
  readonly id: string;
  readonly roleId: string;
  /** The account's name when it was bound, or the name of an identity from outside. */
  readonly principal: string;
  readonly principalType: 'ServiceAccount' | 'User';
  /** Null: an identity from outside. */
  readonly accountId: AccountId | null;
  /** Null: every space. */
  readonly spaceId: SpaceId | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ApiKeyRow {
  readonly id: string;
  readonly accountId: AccountId;
  /** The key that it was made with, and ends with; null: made with a login. */
  readonly parentId: string | null;
  readonly name: string;
  /** SHA-256 of the key, hex: the key itself is random and shown once. */
  readonly keyHash: string;
  /** Narrows its owner's rights; null: all of them. */
  readonly rules: readonly Rule[] | null;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly createdAt: number;
}

/** A token that was logged out before its time, kept until it would have expired. Its id is the token's `jti`. */
export interface RevokedTokenRow {
  readonly id: string;
  readonly expiresAt: number;
}

export interface SecretRow {
  readonly id: string;
  readonly spaceId: SpaceId;
  readonly keyName: string;
  readonly description: string | null;
  /** AES-256-GCM: nonce, ciphertext and tag, base64. */
  readonly sealed: string;
  /** Of the key that seals it. */
  readonly keyId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
}

export interface SpaceRow {
  readonly id: SpaceId;
  readonly name: string;
  readonly description: string | null;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Raised by every change of one of its secrets. */
  readonly secretsVersion: number;
  readonly active: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
}

export type Runtime = 'python' | 'node' | 'native';

/** How an agent's code is called; from its manifest. */
export interface AgentProgram {
  readonly runtime: Runtime;
  readonly handler: string;
  readonly idempotent: boolean;
}

export interface AgentRow {
  readonly id: AgentId;
  readonly spaceId: SpaceId;
  readonly name: string;
  readonly description: string | null;
  readonly purpose: string | null;
  readonly sourceRepo: string | null;
  readonly sourceBranch: string;
  /** What a person wants of it: only an active agent gets messages. `configured`: nobody has said yet. */
  readonly wanted: 'configured' | 'active' | 'inactive' | 'stopped';
  readonly sourceDigest: string | null;
  readonly program: AgentProgram | null;
  readonly sourceAt: number | null;
  readonly sourceBytes: number;
  readonly sourceFiles: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly createdById: AccountId;
}

/** An agent as it stands in an image. */
export interface BuiltAgent extends AgentProgram {
  readonly id: AgentId;
  readonly name: string;
  readonly digest: string;
}

/** An agent whose source is still in its repository. */
export interface UnfetchedAgent {
  readonly id: AgentId;
  readonly name: string;
  readonly repo: string;
  readonly branch: string;
}

export interface BuildRow {
  readonly id: BuildId;
  readonly spaceId: SpaceId;
  readonly status: 'pending' | 'building' | 'completed' | 'failed';
  readonly image: string;
  readonly imageId: string | null;
  readonly baseImage: string;
  readonly agents: readonly BuiltAgent[];
  /** Agents that it should hold, and whose sources nobody has fetched. */
  readonly unfetched: readonly UnfetchedAgent[];
  /** The node that makes it, once one is told to. */
  readonly nodeId: NodeId | null;
  readonly error: string | null;
  readonly createdAt: number;
  readonly completedAt: number | null;
  readonly createdBy: string;
}

/** What a session should be. */
export type Desired = 'running' | 'paused' | 'suspended' | 'failed' | 'deleted';
/** What its node last said it is. `none`: nothing yet under this placement. */
export type Phase = 'none' | 'starting' | 'running' | 'paused' | 'suspended' | 'failed';

/** Orders all reports of one node: a later join, then a later start of its agent, then a later report. */
export interface ReportOrder {
  readonly incarnation: number;
  readonly boot: number;
  readonly number: number;
}

export interface Requests {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}
export interface Limits {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
}

export interface SessionRow {
  readonly id: SessionId;
  readonly name: string | null;
  readonly spaceId: SpaceId;
  readonly desired: Desired;
  /** Grows with every change of what it should be. */
  readonly generation: number;
  readonly nodeId: NodeId | null;
  /** The generation at which it came to its node. What speaks under an older one is refused. */
  readonly placedGeneration: number;
  /** The generation it had in the backup that this store was restored from, until its node said what became of it since, or somebody asked for a change. */
  readonly restoredFrom: number | null;
  readonly image: string;
  readonly buildId: BuildId | null;
  readonly agents: readonly BuiltAgent[];
  readonly requests: Requests;
  readonly limits: Limits;
  readonly phase: Phase;
  readonly observedGeneration: number;
  readonly observedOrder: ReportOrder | null;
  readonly containerId: string | null;
  readonly volume: string | null;
  /** How long a running message may go on when it is to be suspended. */
  readonly graceMs: number;
  /** Its guest has spoken at least once: the volume holds something, and a missing one is a failure. */
  readonly hasRun: boolean;
  /** Of its memory, as its guest counted when it last ran, and at which generation that was. Null: nobody has said. */
  readonly life: { readonly generation: number; readonly number: number } | null;
  /** Why it is failed. */
  readonly reason: string | null;
  /** The number of the newest message. */
  readonly lastSeq: number;
  /**
   * Numbers up to here were given in an earlier life of the store: what a guest says of the newest it holds tells nothing of
   * them, and each is sent and acknowledged by itself. 0 when the session was made in this one.
   */
  readonly epochSeq: number;
  /** User messages that the guest holds and that have no answer yet. */
  readonly outstanding: number;
  readonly parentId: SessionId | null;
  /** The session whose volume this one's begins as a copy of, until it has begun. */
  readonly copyFrom: SessionId | null;
  readonly timeouts: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdBy: string;
  readonly createdById: AccountId;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt: number | null;
  readonly lastActivityAt: number | null;
  readonly terminatedAt: number | null;
  readonly terminationReason: string | null;
}

/** Written once. Whether a user message still waits for its answer is in {@link QueueRow}. */
export interface MessageRow {
  readonly id: MessageId;
  readonly sessionId: SessionId;
  readonly seq: number;
  readonly role: 'user' | 'agent' | 'system';
  readonly content: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Of an answer: the user message. Unique: the first commit wins. */
  readonly inReplyTo: MessageId | null;
  readonly createdBy: string;
  readonly createdAt: number;
}

/** A user message without an answer: what delivery and bounds need of it, without its content. Gone once it is answered or cleared. */
export interface QueueRow {
  /** The message's own. */
  readonly id: MessageId;
  readonly sessionId: SessionId;
  readonly seq: number;
  /** Who is to answer. Null: nobody can, for `refusal`. */
  readonly agent: string | null;
  /** Where no agent can answer: the answer that the message gets when its turn comes. */
  readonly refusal: { readonly reason: string; readonly content: string } | null;
  /** Content and metadata, in UTF-8. */
  readonly bytes: number;
  /** When the guest held it durably. */
  readonly acceptedAt: number | null;
  readonly createdAt: number;
}

/** Work on a session's messages that was too much for one commit, to be done in further ones. */
export interface BacklogRow {
  readonly id: SessionId;
  /** Of a session that failed: the reason that its messages are answered with. */
  readonly answer: 'session_failed' | 'host_lost' | null;
  readonly createdAt: number;
}

export interface RunRow {
  readonly id: string;
  readonly sessionId: SessionId;
  readonly messageId: MessageId;
  readonly agent: string;
  readonly startedAt: number;
  readonly finishedAt: number | null;
}

/** A removal that its node has not finished. Keyed by the session. */
export interface TombstoneRow {
  readonly id: SessionId;
  readonly nodeId: NodeId;
  readonly upToGeneration: number;
  readonly createdAt: number;
}

/** What a node has for its sessions together beyond CPU and memory, and what it gives to one of them at most. 0: no bound. */
export interface NodeBounds {
  readonly processes: number;
  readonly diskBytes: number;
  readonly most: Limits;
}

export interface NodeRow {
  readonly id: NodeId;
  readonly name: string;
  readonly incarnation: number;
  readonly joinedAt: number;
  /** SHA-256 of its public key, lower-case hex. Null: not known yet, from before keys were recorded or from before a restore. */
  readonly keyHash: string | null;
  /** Since when its certificates are refused, valid or not. */
  readonly revokedAt: number | null;
  /** As it last said hello. */
  readonly driver: string;
  readonly version: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0: no bound of its own. */
  readonly maxSessions: number;
  /** Null: its node agent is of an older version, and says nothing of them. */
  readonly bounds: NodeBounds | null;
  /** When its stream last came up or ended. */
  readonly lastSeenAt: number | null;
  /** Since when it is away, less the time in which no controller was there to see it. */
  readonly unreachableSince: number | null;
  /** When it was given up. What was on it is failed. */
  readonly lostAt: number | null;
}

export interface NodeTokenRow {
  readonly id: string;
  /** SHA-256 of the secret: the secret itself is random and shown once. */
  readonly secretHash: string;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  readonly usedBy: NodeId | null;
  /** Hash of the node's key: who holds it may ask again, since the answer may have been lost. */
  readonly usedKey: string | null;
  readonly createdBy: string;
  readonly createdAt: number;
}

export interface IdempotencyRow {
  /** Keyed hash of the caller and its key. */
  readonly id: string;
  readonly bodyHash: string;
  /** What was made. */
  readonly madeId: string;
  readonly createdAt: number;
}

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

export const put = <Name extends TableName>(table: Name, row: Tables[Name]): Mutation => ({ kind: 'put', table, row }) as Mutation;
