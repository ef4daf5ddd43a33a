import type { AuditPart } from '../audit/audit.ts';
import type { AccountId, MessageId, NodeId, SessionId, SpaceId } from './ids.ts';
import type {
  AccountRow,
  AgentRow,
  ApiKeyRow,
  BacklogRow,
  BindingRow,
  BuildRow,
  MessageRow,
  Mutation,
  NodeRow,
  QueueRow,
  RevokedTokenRow,
  RoleRow,
  RunRow,
  SecretRow,
  SessionRow,
  SpaceRow,
  TableName,
  Tables,
  TombstoneRow,
} from './rows.ts';

export interface QueueUse {
  readonly messages: number;
  readonly bytes: number;
}

/** What an agent is shown of a message before the one that it is asked. */
export type PastMessage = Pick<MessageRow, 'role' | 'content' | 'createdAt'>;

export interface MessageSize {
  readonly id: MessageId;
  readonly seq: number;
  /** Content and metadata, in UTF-8. */
  readonly bytes: number;
}

/** Tables of history. */
export type Prunable = Extract<Mutation, { kind: 'prune' }>['table'];

/** The current rows, read synchronously: inside the applier's transaction, or on a reading connection. Every query is by an index. */
export interface View {
  get<Name extends TableName>(table: Name, id: string): Tables[Name] | undefined;
  accountByUser(user: string): AccountRow | undefined;
  hasAccounts(): boolean;
  roleByName(name: string): RoleRow | undefined;
  bindingsOf(accountId: string): readonly BindingRow[];
  bindingsTo(roleId: string): readonly BindingRow[];
  bindingsIn(spaceId: SpaceId): readonly BindingRow[];
  apiKeyByHash(keyHash: string): ApiKeyRow | undefined;
  apiKeysOf(accountId: string): readonly ApiKeyRow[];
  /** Every one that is kept: those that would not have expired yet. */
  revokedTokens(): readonly RevokedTokenRow[];
  /** Spaces whose settings say how long something is kept. */
  spacesWithRetention(): readonly SpaceRow[];
  spaceByName(name: string): SpaceRow | undefined;
  secretByName(spaceId: SpaceId, keyName: string): SecretRow | undefined;
  secretsIn(spaceId: SpaceId): readonly SecretRow[];
  /** Secrets that another key than this one seals, at most `limit`. */
  secretsNotUnder(keyId: string, limit: number): readonly SecretRow[];
  /** Of the keys that seal some secret. Scans an index: for the start. */
  sealingKeyIds(): readonly string[];
  /** Whether a session of that space is not deleted. */
  hasSessionIn(spaceId: SpaceId): boolean;
  agentByName(spaceId: SpaceId, name: string): AgentRow | undefined;
  agentsIn(spaceId: SpaceId): readonly AgentRow[];
  buildsIn(spaceId: SpaceId): readonly BuildRow[];
  /** The newest build of a space, of that status where one is given. */
  newestBuild(spaceId: SpaceId, status?: BuildRow['status']): BuildRow | undefined;
  /** The build that made this image. */
  buildOfImage(spaceId: SpaceId, image: string): BuildRow | undefined;
  /** Builds that wait for a node, or that a node was told to make. For tests and tools: there can be very many. */
  openBuilds(): readonly BuildRow[];
  /** Builds that a node was told to make and that have not ended, the oldest first; of one node where one is given. */
  assignedBuilds(nodeId?: NodeId): readonly BuildRow[];
  /** The oldest build that waits for a node, of each space of which no node makes one; of these the oldest, at most `limit`. */
  waitingBuilds(limit: number): readonly BuildRow[];
  nodeByName(name: string): NodeRow | undefined;
  nodes(): readonly NodeRow[];
  /** Sessions placed on a node, but for the deleted. For tests and tools: a node can have very many. */
  sessionsOn(nodeId: NodeId): readonly SessionRow[];
  /** Of these at most `limit` by id, from the one after `after` on. */
  sessionsOnAfter(nodeId: NodeId, after: string, limit: number): readonly SessionRow[];
  /** The same, and of each only what it takes to compare it. */
  statesOn(nodeId: NodeId, after: string, limit: number): readonly Pick<SessionRow, 'id' | 'generation' | 'phase'>[];
  /** Of these some that are not failed, at most `limit`. */
  unfailedOn(nodeId: NodeId, limit: number): readonly SessionRow[];
  /** By id, from the one after `after` on; all where no limit is given. */
  tombstonesOf(nodeId: NodeId, after?: string, limit?: number): readonly TombstoneRow[];
  /** Sessions that are to begin as a copy of that one's volume, and have not begun; counted up to `limit`. */
  copiesUnderWay(source: SessionId, limit: number): number;
  /** Where an account has made sessions that are not deleted. */
  spacesOfSessionsBy(accountId: AccountId): readonly SpaceId[];
  /** Sessions that are not deleted and have timeouts, by id. */
  sessionsWithTimeouts(after: string, limit: number): readonly SessionRow[];
  /** What waits for an answer, by seq: the first `limit` of it. */
  queued(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** Of that what an agent is to answer and its guest does not hold. */
  undelivered(sessionId: SessionId, limit: number): readonly QueueRow[];
  /** How much waits for an answer. Reads no content. */
  queueUse(sessionId: SessionId): QueueUse;
  /** How much of its conversation a session keeps. Reads no message. */
  historyUse(sessionId: SessionId): QueueUse;
  /** The oldest messages that wait for no answer, at most `limit`. */
  oldestSettled(sessionId: SessionId, limit: number): readonly MessageSize[];
  /** Bytes of what a space keeps: messages, events, sources, secrets, metadata of sessions. Reads none of them. */
  storedBytes(spaceId: SpaceId): number;
  isQueued(sessionId: SessionId): boolean;
  /** The seq of the newest message before `seq` that an agent is to answer and has not; 0 when there is none. */
  askedBefore(sessionId: SessionId, seq: number): number;
  /** The agents of what the guest holds and has not answered. */
  heldAgents(sessionId: SessionId): readonly string[];
  /** Sessions with work left over, at most `limit`, oldest first. */
  backlogged(limit: number): readonly BacklogRow[];
  answerTo(messageId: MessageId): MessageRow | undefined;
  /** The newest messages below `seq`, newest first. */
  messagesBefore(sessionId: SessionId, seq: number, limit: number): readonly MessageRow[];
  /** The newest messages below `seq`, newest first, as far as all of them fit. What is too large by itself is not read. */
  historyBefore(sessionId: SessionId, seq: number, most: { readonly messages: number; readonly bytes: number }): readonly PastMessage[];
  /** The newest messages below `seq` without content and metadata, whose sizes are read from the rows' headers. */
  messageSizes(sessionId: SessionId, belowSeq: number, limit: number): readonly MessageSize[];
  runOf(messageId: MessageId): RunRow | undefined;
  /** Whether retention would remove anything of that table, of one space where it is given. */
  isOverdue(table: Prunable, before: number, spaceId?: SpaceId): boolean;
  /** Whether there are audit records of a part up to that number, besides the newest of all, which stays. */
  hasAudit(part: AuditPart, upTo: number): boolean;
  /** Ids of a session's runs, at most `limit`. */
  runIds(sessionId: SessionId, limit: number): readonly string[];
}
