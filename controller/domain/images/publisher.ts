import type { BuildRow } from '../builds/rows.ts';
import type { FleetNode } from '../engine/fleet.ts';
import { takesSpace } from '../sessions/placement/filters.ts';

/**
 * Whether a node may push its copy of an image, which other nodes then run: an image of a space if
 * the operator's rules allow the node that space, and a base image, which has no build, if they
 * allow it all spaces. What a node says about its images proves nothing: the copy can be anything.
 */
export const mayPublish = (node: Pick<FleetNode, 'spaces'>, build: Pick<BuildRow, 'spaceId'> | undefined): boolean =>
  build === undefined ? node.spaces === undefined : takesSpace(node, build.spaceId);
