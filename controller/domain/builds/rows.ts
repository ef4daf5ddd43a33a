import type { AgentProgram } from '../agents/rows.ts';
import type { AgentId, BuildId, NodeId, SpaceId } from '../engine/ids.ts';

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
