import type { Fleet } from '../engine/fleet.ts';
import type { SpaceId } from '../engine/ids.ts';
import type { Mutation } from '../engine/mutation.ts';
import type { BuildView } from './view.ts';

/** Builds that a space keeps, besides older ones that something needs. */
export const MAX_BUILDS_OF_SPACE = 1000;
/** A store of an older release can have very many. */
const REMOVED_AT_ONCE = 20;

/**
 * Returns the removal of builds of a space beyond the newest. Those stay that sessions start from,
 * and those of images that are anywhere still: by its build, an image is known to be the cluster's,
 * and is removed.
 */
export const withoutOldBuilds = (view: BuildView, fleet: Fleet, spaceId: SpaceId): readonly Mutation[] => {
  const old = view.unneededBuilds(spaceId, MAX_BUILDS_OF_SPACE, REMOVED_AT_ONCE);
  if (old.length === 0) return [];
  const nodes = fleet.nodes();
  // A build with nothing to do serves the image of an earlier one, which is named after that.
  const serving = view.newestBuild(spaceId, 'completed')?.image;
  const gone = old.filter(({ image }) => image !== serving && !nodes.some(({ images }) => images.has(image)));
  return gone.map(({ id }) => ({ kind: 'remove', table: 'builds', id }));
};
