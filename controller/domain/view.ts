import type { AccountId, MessageId, NodeId, SessionId, SpaceId } from './ids.ts';
import type {
  AccountRow,
  AgentRow,
  ApiKeyRow,
  BindingRow,
  BuildRow,
  MessageRow,
  NodeRow,
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
  /** Builds that wait for a node, or that a node was told to make. */
  openBuilds(): readonly BuildRow[];
  nodeByName(name: string): NodeRow | undefined;
  nodes(): readonly NodeRow[];
  /** Sessions placed on a node, but for the deleted. */
  sessionsOn(nodeId: NodeId): readonly SessionRow[];
  /** Of these some that are not failed, at most `limit`. */
  unfailedOn(nodeId: NodeId, limit: number): readonly SessionRow[];
  tombstonesOf(nodeId: NodeId): readonly TombstoneRow[];
  /** Where an account has made sessions that are not deleted. */
  spacesOfSessionsBy(accountId: AccountId): readonly SpaceId[];
  /** Sessions that are not deleted and have timeouts. */
  sessionsWithTimeouts(): readonly SessionRow[];
  /** User messages without an answer, by seq. */
  unanswered(sessionId: SessionId): readonly MessageRow[];
  /** Of these the one of the lowest seq. */
  firstUnanswered(sessionId: SessionId): MessageRow | undefined;
  hasUnanswered(sessionId: SessionId): boolean;
  answerTo(messageId: MessageId): MessageRow | undefined;
  /** The newest messages below `seq`, newest first. */
  messagesBefore(sessionId: SessionId, seq: number, limit: number): readonly MessageRow[];
  runOf(messageId: MessageId): RunRow | undefined;
}
