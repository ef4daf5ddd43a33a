import type { BuildStage } from '../../contract/builds.ts';
import type { AgentProgram } from '../agents/rows.ts';
import { integer, json, type RowOf, text } from '../engine/fields.ts';
import type { AgentId, BuildId, NodeId, SpaceId } from '../engine/ids.ts';

/** An agent as included in an image. */
export interface BuiltAgent extends AgentProgram {
  readonly id: AgentId;
  readonly name: string;
  readonly digest: string;
  /** Undefined: the source was uploaded. */
  readonly from?: FetchedFrom;
  /** The image that it brings, with its digest. Undefined: none, or the build has not ended well. */
  readonly ownBase?: string;
}

export interface FetchedFrom {
  readonly repo: string;
  readonly branch: string;
  readonly commit: string;
}

/** An agent whose source has not been fetched from its repository. */
export interface UnfetchedAgent {
  readonly id: AgentId;
  readonly name: string;
  readonly repo: string;
  readonly branch: string;
  readonly directory?: string;
  /** The name of the secret of the space with the credential. */
  readonly secret?: string;
  /** Built again even if its commit has not moved. */
  readonly isForced?: true;
}

/** A stage of a build, as its node reported it. */
export interface StageRow {
  readonly name: BuildStage;
  /** 0 while it is in progress. */
  readonly tookMs: number;
  /** Whether it completed. Of a build that ended otherwise, the last stage did not. */
  readonly over: boolean;
}

export const BUILDS = {
  id: text<BuildId>(),
  spaceId: text<SpaceId>(),
  status: text<'pending' | 'building' | 'completed' | 'failed' | 'cancelled'>(),
  image: text(),
  imageId: text<string | null>(),
  baseImage: text(),
  agents: json<readonly BuiltAgent[]>(),
  /** Agents that the image must include but whose sources have not been fetched. */
  unfetched: json<readonly UnfetchedAgent[]>(),
  /** The node that builds it, once assigned. */
  nodeId: text<NodeId | null>(),
  error: text<string | null>(),
  /** In order of their beginning, each once. */
  stages: json<readonly StageRow[]>(),
  createdAt: integer(),
  completedAt: integer<number | null>(),
  createdBy: text(),
};
export interface BuildRow extends RowOf<typeof BUILDS> {}
