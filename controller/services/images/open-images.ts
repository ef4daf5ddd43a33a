import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Rebuilds } from '../builds/rebuilds.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type CollectionRules, ImageCollection, type RegistryCleanup } from './image-collection.ts';
import { ImageDistribution, type ImageDistributionDeps } from './image-distribution.ts';
import { ImageWaits } from './image-waits.ts';
import type { RegistryState } from './registry-state.ts';

export type ImageRegistry = RegistryState & RegistryCleanup;

export interface ImagesDeps extends Omit<ImageDistributionDeps, 'rebuild' | 'fleet' | 'registry'> {
  readonly fleet: Fleet;
  readonly registry?: ImageRegistry | undefined;
  readonly collection?: CollectionRules | undefined;
}

/**
 * Opens the collection of images, and with a registry their distribution, and follows the nodes of
 * the fleet.
 */
export function openImages(
  { registry, collection, ...deps }: ImagesDeps,
  dispatch: () => { readonly rebuilds: Pick<Rebuilds, 'forSession'> },
): { readonly images: ImageDistribution | undefined; readonly imageWaits: ImageWaits } {
  const imageWaits = new ImageWaits(deps);
  const failed = (image: string, error: string) => imageWaits.failed(image, error);
  const rebuild = (nodeId: NodeId, spaceId: SpaceId, image: string) => dispatch().rebuilds.forSession(nodeId, spaceId, image);
  const images = registry && new ImageDistribution({ ...deps, registry, rebuild, failed });
  new ImageCollection({ ...deps, registry, rules: collection, isMoving: () => images?.isMoving === true });
  if (registry === undefined || images === undefined) return { images: undefined, imageWaits };
  registry.onUp(() => images.wakeAll());
  deps.fleet.listen({
    live: (nodeId) => images.connected(nodeId),
    imagesChanged: (nodeId) => images.changed(nodeId),
    imageMoved: (nodeId, moved) => images.moved(nodeId, moved),
    closed: (nodeId) => images.gone(nodeId),
  });
  return { images, imageWaits };
}
