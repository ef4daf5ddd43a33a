import type { NodeId, SpaceId } from '../engine/ids.ts';
import type { BuildRow } from './rows.ts';

export interface BuildView {
  buildsIn(spaceId: SpaceId): readonly BuildRow[];
  /** The newest build of a space, with that status where one is given. */
  newestBuild(spaceId: SpaceId, status?: BuildRow['status']): BuildRow | undefined;
  /** Returns the build that created this image. */
  buildOfImage(spaceId: SpaceId, image: string): BuildRow | undefined;
  /** Assigned builds that have not ended, oldest first; of one node where one is given. */
  assignedBuilds(nodeId?: NodeId): readonly BuildRow[];
  /**
   * The oldest unassigned build of each space without an assigned one, oldest first, at most
   * `limit`.
   */
  waitingBuilds(limit: number): readonly BuildRow[];
}
