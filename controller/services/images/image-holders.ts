import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { RowView } from '../../domain/engine/view.ts';
import { mayPublish } from '../../domain/images/publisher.ts';
import { buildOf } from '../../domain/images/repository.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';

export interface ImageHoldersDeps {
  readonly directory: Pick<NodeDirectory, 'nodes' | 'node'>;
  readonly view: RowView;
}

/**
 * Which nodes have an image, by image. In a large cluster, looking through all nodes for each image
 * of each node would cost the square of their number with every new build.
 */
export class ImageHolders {
  readonly #deps: ImageHoldersDeps;
  readonly #nodes = new Map<string, Set<NodeId>>();
  readonly #images = new Map<NodeId, ReadonlySet<string>>();
  #isFilled = false;

  constructor(deps: ImageHoldersDeps) {
    this.#deps = deps;
  }

  /** Call when the images of a node changed, or it came or went. */
  update(nodeId: NodeId): void {
    const images = new Set(this.#deps.directory.node(nodeId)?.images);
    for (const image of this.#images.get(nodeId) ?? []) if (!images.has(image)) this.#drop(image, nodeId);
    for (const image of images) this.#put(image, nodeId);
    if (images.size > 0) this.#images.set(nodeId, images);
    else this.#images.delete(nodeId);
  }

  /** Returns the nodes that can push an image now, and may. */
  of(image: string): readonly FleetNode[] {
    const { directory, view } = this.#deps;
    if (!this.#isFilled) {
      this.#isFilled = true;
      for (const { id } of directory.nodes()) this.update(id);
    }
    const build = buildOf(view, image);
    return [...(this.#nodes.get(image) ?? [])].flatMap((id) => {
      const node = directory.node(id);
      return node !== undefined && canPush(node, image) && mayPublish(node, build) ? [node] : [];
    });
  }

  #put(image: string, nodeId: NodeId): void {
    const nodes = this.#nodes.get(image);
    if (nodes === undefined) this.#nodes.set(image, new Set([nodeId]));
    else nodes.add(nodeId);
  }

  #drop(image: string, nodeId: NodeId): void {
    const nodes = this.#nodes.get(image);
    nodes?.delete(nodeId);
    if (nodes?.size === 0) this.#nodes.delete(image);
  }
}

const canPush = ({ ready, pulls, images }: FleetNode, image: string): boolean => ready && pulls === true && images.has(image);
