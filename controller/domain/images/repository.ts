import type { BuildRow } from '../builds/rows.ts';
import type { SpaceId } from '../engine/ids.ts';
import type { RowView } from '../engine/view.ts';
import { imageKey, PLATFORMS, type Platform, platformOf, tagSuffix } from './platforms.ts';

/** The repository of images that belong to no space. Every node can pull from it. */
export const BASE_REPOSITORY = 'raworc/base';

/** Each space has a repository of its own, so that rights to one say nothing about another. */
export const repositoryOf = (spaceId: SpaceId): string => `raworc/spaces/${spaceId}`;

/** Returns the build of an image, whose tag ends in the build's id. */
export function buildOf(view: RowView, image: string): BuildRow | undefined {
  const build = view.get('builds', image.slice(image.lastIndexOf(':') + 1));
  return build?.image === image && build.status === 'completed' ? build : undefined;
}

/** Returns the platforms for which the registry has an image. */
export const platformsInRegistry = (view: RowView, image: string): ReadonlySet<Platform> =>
  new Set(PLATFORMS.filter((platform) => view.get('images', imageKey(image, platform)) !== undefined));

/** For which platforms there is an image. */
export interface ImagePlatforms {
  readonly inRegistry: ReadonlySet<Platform>;
  /** Of the node that built it: it has the image, and the registry can lack it. */
  readonly built?: Platform;
}

export function imagePlatforms(view: RowView, image: string): ImagePlatforms {
  const inRegistry = platformsInRegistry(view, image);
  const builder = buildOf(view, image)?.nodeId ?? null;
  const node = builder === null ? undefined : view.get('nodes', builder);
  return node === undefined ? { inRegistry } : { inRegistry, built: platformOf({ platform: node.platform ?? undefined }) };
}

/** Returns where an image belongs in the registry. */
export function placeOf(
  build: BuildRow | undefined,
  image: string,
  platform: Platform,
): { readonly repository: string; readonly tag: string } {
  if (build !== undefined) return { repository: repositoryOf(build.spaceId), tag: `${build.id}${tagSuffix(platform)}` };
  return { repository: BASE_REPOSITORY, tag: `${image.replace(/[^\w.-]+/g, '-').slice(-100)}${tagSuffix(platform)}` };
}
