import type { MessageId, NodeId, SessionId, SpaceId } from './ids.ts';
import type {
  AccountRow,
  AgentRow,
  BindingRow,
  BuildRow,
  MessageRow,
  NodeRow,
  RunRow,
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
  bindingsOf(accountId: string): readonly BindingRow[];
  spaceByName(name: string): SpaceRow | undefined;
  agentByName(spaceId: SpaceId, name: string): AgentRow | undefined;
  agentsIn(spaceId: SpaceId): readonly AgentRow[];
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
  /** Sessions that are not deleted and have timeouts. */
  sessionsWithTimeouts(): readonly SessionRow[];
  /** User messages without an answer, by seq. */
  unanswered(sessionId: SessionId): readonly MessageRow[];
  hasUnanswered(sessionId: SessionId): boolean;
  answerTo(messageId: MessageId): MessageRow | undefined;
  /** The newest messages below `seq`, newest first. */
  messagesBefore(sessionId: SessionId, seq: number, limit: number): readonly MessageRow[];
  runOf(messageId: MessageId): RunRow | undefined;
  /** Whether any agent still has a source of that digest. */
  sourceInUse(digest: string): boolean;
}
