import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Rebuilds } from '../builds/rebuilds.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { ImageDistribution, type ImageDistributionDeps } from './image-distribution.ts';

/** Opens the distribution of images, and follows the nodes of the fleet. */
export function openImages(
  deps: Omit<ImageDistributionDeps, 'rebuild' | 'fleet'> & { readonly fleet: Fleet },
  dispatch: () => { readonly rebuilds: Pick<Rebuilds, 'forSession'> },
): ImageDistribution {
  const rebuild = (nodeId: NodeId, spaceId: SpaceId, image: string) => dispatch().rebuilds.forSession(nodeId, spaceId, image);
  const images = new ImageDistribution({ ...deps, rebuild });
  deps.registry.onUp(() => images.wakeAll());
  deps.fleet.listen({
    live: (nodeId) => images.connected(nodeId),
    imagesChanged: (nodeId) => images.changed(nodeId),
    imageMoved: (nodeId, moved) => images.moved(nodeId, moved),
    closed: (nodeId) => images.gone(nodeId),
  });
  return images;
}
