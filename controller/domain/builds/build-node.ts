import type { FleetNode } from '../engine/fleet.ts';
import type { NodeId } from '../engine/ids.ts';
import { takesSpace } from '../sessions/placement/filters.ts';
import { lackedFeatures } from './needs.ts';
import type { BuildRow } from './rows.ts';

/**
 * Returns the node to build on, or undefined if none has fewer than `maxAtOnce` builds. Candidates
 * are ready, not cordoned, have the base image, accept the space and can do what the build needs; the fewest running builds win, then the
 * least CPU requested by sessions. Sessions can only start where their image is, so builds go where
 * there is capacity.
 */
export function nodeToBuildOn(
  nodes: readonly FleetNode[],
  build: Pick<BuildRow, 'baseImage' | 'spaceId' | 'agents' | 'unfetched'>,
  inProgress: ReadonlyMap<NodeId, number>,
  maxAtOnce = Number.POSITIVE_INFINITY,
): FleetNode | undefined {
  const { baseImage, spaceId } = build;
  let best: FleetNode | undefined;
  for (const node of nodes) {
    if (!node.ready || node.cordoned || node.unschedulable !== undefined || !node.images.has(baseImage) || !takesSpace(node, spaceId))
      continue;
    if (lackedFeatures(node.buildFeatures, build).length > 0) continue;
    if ((inProgress.get(node.id) ?? 0) >= maxAtOnce) continue;
    if (best === undefined || compare(node, best, inProgress) < 0) best = node;
  }
  return best;
}

const compare = (a: FleetNode, b: FleetNode, inProgress: ReadonlyMap<NodeId, number>): number =>
  (inProgress.get(a.id) ?? 0) - (inProgress.get(b.id) ?? 0) || share(a) - share(b) || a.sessions - b.sessions;

const share = ({ requested, cpuMillis }: FleetNode): number => (cpuMillis === 0 ? 1 : requested.cpuMillis / cpuMillis);
