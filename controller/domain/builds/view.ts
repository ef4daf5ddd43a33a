import type { NodeId, SpaceId } from '../engine/ids.ts';
import type { BuildRow } from './rows.ts';

/** Builds. */
export interface BuildView {
  buildsIn(spaceId: SpaceId): readonly BuildRow[];
  /** The newest build of a space, of that status where one is given. */
  newestBuild(spaceId: SpaceId, status?: BuildRow['status']): BuildRow | undefined;
  /** The build that made this image. */
  buildOfImage(spaceId: SpaceId, image: string): BuildRow | undefined;
  /** Builds that a node was told to make and that have not ended, the oldest first; of one node where one is given. */
  assignedBuilds(nodeId?: NodeId): readonly BuildRow[];
  /** The oldest build that waits for a node, of each space of which no node makes one; of these the oldest, at most `limit`. */
  waitingBuilds(limit: number): readonly BuildRow[];
}
