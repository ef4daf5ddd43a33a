import type { NodeId, SpaceId } from '../engine/ids.ts';
import type { BuildRow } from './rows.ts';

export interface BuildView {
  buildsIn(spaceId: SpaceId): readonly BuildRow[];
  /** Returns the newest build of a space, or its newest completed one. */
  newestBuild(spaceId: SpaceId, status?: 'completed'): BuildRow | undefined;
  /** Returns the builds of a space that are queued or running. */
  openBuilds(spaceId: SpaceId): readonly BuildRow[];
  /** Returns the build that created this image. */
  buildOfImage(spaceId: SpaceId, image: string): BuildRow | undefined;
  /** Returns assigned builds that have not ended, oldest first; only those of a node if given. */
  assignedBuilds(nodeId?: NodeId): readonly BuildRow[];
  /** Returns whether a build of this space is assigned and has not ended. */
  hasAssignedBuild(spaceId: SpaceId): boolean;
  /**
   * Returns the oldest unassigned build of each space that has no assigned one, oldest first, at
   * most `limit`.
   */
  waitingBuilds(limit: number): readonly BuildRow[];
  /**
   * Returns builds that have ended, oldest first, beyond the newest `keep` of a space, whose image no
   * session has, and neither the registry nor, as far as is known, a node.
   */
  unneededBuilds(spaceId: SpaceId, keep: number, limit: number): readonly BuildRow[];
}
