import type { BuildRow } from '../builds/rows.ts';
import type { SpaceId } from '../engine/ids.ts';
import type { RowView } from '../engine/view.ts';

/** The repository of images that belong to no space. Every node can pull from it. */
export const BASE_REPOSITORY = 'raworc/base';

/** Each space has a repository of its own, so that rights to one say nothing about another. */
export const repositoryOf = (spaceId: SpaceId): string => `raworc/spaces/${spaceId}`;

/** Returns the build of an image, whose tag ends in the build's id. */
export function buildOf(view: RowView, image: string): BuildRow | undefined {
  const build = view.get('builds', image.slice(image.lastIndexOf(':') + 1));
  return build?.image === image && build.status === 'completed' ? build : undefined;
}

/** Returns where an image belongs in the registry. */
export function placeOf(build: BuildRow | undefined, image: string): { readonly repository: string; readonly tag: string } {
  if (build !== undefined) return { repository: repositoryOf(build.spaceId), tag: build.id };
  return { repository: BASE_REPOSITORY, tag: image.replace(/[^\w.-]+/g, '-').slice(-100) };
}
