import type { NodeId, SpaceId } from '../engine/ids.ts';
import type { BuildRow } from './rows.ts';

export interface BuildView {
  buildsIn(spaceId: SpaceId): readonly BuildRow[];
  /** Returns the newest build of a space, optionally with that status. */
  newestBuild(spaceId: SpaceId, status?: BuildRow['status']): BuildRow | undefined;
  /** Returns the build that created this image. */
  buildOfImage(spaceId: SpaceId, image: string): BuildRow | undefined;
  /** Returns running builds, oldest first; optionally of one node. */
  assignedBuilds(nodeId?: NodeId): readonly BuildRow[];
  /**
   * Returns the oldest queued build of each space without a running build; the oldest of these, at
   * most `limit`.
   */
  waitingBuilds(limit: number): readonly BuildRow[];
}
