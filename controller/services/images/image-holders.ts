import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { RowView } from '../../domain/engine/view.ts';
import { namesake } from '../../domain/images/needed.ts';
import { type Platform, platformOf } from '../../domain/images/platforms.ts';
import { mayPublish } from '../../domain/images/publisher.ts';
import { buildOf } from '../../domain/images/repository.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';

export interface ImageHoldersDeps {
  readonly directory: Pick<NodeDirectory, 'nodes' | 'node'>;
  readonly view: RowView;
}

interface Held {
  /** Remembered, because the build can be removed before its image. */
  readonly spaceId: SpaceId | undefined;
  readonly nodes: Set<NodeId>;
}

/**
 * Which nodes have an image, and which have one of a space. In a large cluster, looking through the
 * images of all nodes with every new build would cost the product of their numbers.
 */
export class ImageHolders {
  readonly #deps: ImageHoldersDeps;
  readonly #held = new Map<string, Held>();
  readonly #images = new Map<NodeId, ReadonlySet<string>>();
  /** How many images of a space a node has. */
  readonly #spaces = new Map<SpaceId, Map<NodeId, number>>();
  readonly #spacesOf = new Map<NodeId, Set<SpaceId>>();
  #isFilled = false;

  constructor(deps: ImageHoldersDeps) {
    this.#deps = deps;
  }

  /** Call when the images of a node changed, or it came or went. */
  update(nodeId: NodeId): void {
    const images = new Set(this.#deps.directory.node(nodeId)?.images);
    const before = this.#images.get(nodeId);
    for (const image of before ?? []) if (!images.has(image)) this.#drop(image, nodeId);
    for (const image of images) if (before?.has(image) !== true) this.#put(image, nodeId);
    if (images.size > 0) this.#images.set(nodeId, images);
    else this.#images.delete(nodeId);
  }

  /** Returns the nodes that can push an image for a platform, or any, now, and may. */
  of(image: string, platform?: Platform): readonly FleetNode[] {
    const { directory, view } = this.#deps;
    this.#fill();
    const build = buildOf(view, image);
    return [...(this.#held.get(image)?.nodes ?? [])].flatMap((id) => {
      const node = directory.node(id);
      if (node === undefined || (platform !== undefined && platformOf(node) !== platform)) return [];
      return canPush(node, image) && mayPublish(node, build) ? [node] : [];
    });
  }

  /** Returns the nodes that have an image of a space. */
  ofSpace(spaceId: SpaceId): readonly NodeId[] {
    this.#fill();
    return [...(this.#spaces.get(spaceId)?.keys() ?? [])];
  }

  /** Returns the spaces of which this node has an image; without a node, those of which any has one. */
  spacesOf(nodeId?: NodeId): Iterable<SpaceId> {
    this.#fill();
    return nodeId === undefined ? this.#spaces.keys() : (this.#spacesOf.get(nodeId) ?? []);
  }

  #fill(): void {
    if (this.#isFilled) return;
    this.#isFilled = true;
    for (const { id } of this.#deps.directory.nodes()) this.update(id);
  }

  #put(image: string, nodeId: NodeId): void {
    const held = this.#held.get(image) ?? { spaceId: namesake(this.#deps.view, image)?.spaceId, nodes: new Set() };
    this.#held.set(image, held);
    held.nodes.add(nodeId);
    this.#count(held, nodeId, 1);
  }

  #drop(image: string, nodeId: NodeId): void {
    const held = this.#held.get(image);
    if (held === undefined) return;
    held.nodes.delete(nodeId);
    this.#count(held, nodeId, -1);
    if (held.nodes.size === 0) this.#held.delete(image);
  }

  #count({ spaceId }: Held, nodeId: NodeId, more: 1 | -1): void {
    if (spaceId === undefined) return;
    const nodes = this.#spaces.get(spaceId) ?? new Map<NodeId, number>();
    const count = (nodes.get(nodeId) ?? 0) + more;
    if (count > 0) nodes.set(nodeId, count);
    else nodes.delete(nodeId);
    if (nodes.size > 0) this.#spaces.set(spaceId, nodes);
    else this.#spaces.delete(spaceId);
    const spaces = this.#spacesOf.get(nodeId) ?? new Set<SpaceId>();
    if (count > 0) spaces.add(spaceId);
    else spaces.delete(spaceId);
    if (spaces.size > 0) this.#spacesOf.set(nodeId, spaces);
    else this.#spacesOf.delete(nodeId);
  }
}

const canPush = ({ ready, pulls, images }: FleetNode, image: string): boolean => ready && pulls === true && images.has(image);
