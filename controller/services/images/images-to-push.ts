import type { NodeId } from '../../domain/engine/ids.ts';

/** Images that a node lacks and the registry too, and how often each node has failed to push them. */
export class ImagesToPush {
  readonly #failures = new Map<string, Map<NodeId, number>>();

  add(image: string): void {
    if (!this.#failures.has(image)) this.#failures.set(image, new Map());
  }

  delete(image: string): void {
    this.#failures.delete(image);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#failures.keys();
  }

  failed(image: string, nodeId: NodeId): void {
    this.#failures.get(image)?.set(nodeId, this.failuresOf(image, nodeId) + 1);
  }

  failuresOf(image: string, nodeId: NodeId): number {
    return this.#failures.get(image)?.get(nodeId) ?? 0;
  }
}
