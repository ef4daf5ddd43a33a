import type { BuildRow } from '../builds/rows.ts';
import type { View } from '../engine/view.ts';
import { platformsInRegistry } from './repository.ts';

/** What the need of an image depends on. */
export type NeedView = Pick<View, 'get' | 'newestBuild' | 'hasSessionOfImage' | 'isBaseOfNeeded'>;

/** Returns the build that an image is named after, in whatever state. */
export function namesake(view: Pick<View, 'get'>, image: string): BuildRow | undefined {
  const build = view.get('builds', image.slice(image.lastIndexOf(':') + 1));
  return build?.image === image ? build : undefined;
}

/**
 * Returns whether a session, the next session of a space, or a build can need an image. Only these
 * make new sessions, so an image that is not needed stays so: newest builds only get newer, and a
 * copy of a session has its parent's image. A restored backup or another base image are the
 * exceptions, and then the image is brought again.
 */
export function isImageNeeded(view: NeedView, image: string, baseImage: string): boolean {
  if (image === baseImage || view.hasSessionOfImage(image)) return true;
  const build = namesake(view, image);
  if (build === undefined) return view.isBaseOfNeeded(image);
  if (build.status === 'pending' || build.status === 'building') return true;
  return view.newestBuild(build.spaceId, 'completed')?.image === image;
}

/** Returns whether this cluster made an image or moved it: it leaves all others alone. */
export function isOwnImage(view: Pick<View, 'get'>, image: string): boolean {
  return namesake(view, image) !== undefined || platformsInRegistry(view, image).size > 0;
}
