import type { Clock } from '../../../seams/clock.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { MissingImage, MissingImages } from '../../domain/images/missing-images.ts';
import type { Fleet } from '../fleet/fleet.ts';

export interface ImageWaitsDeps {
  readonly fleet: Pick<Fleet, 'listen' | 'stream'>;
  readonly clock: Clock;
}

/**
 * Images that nodes lack for their sessions, until they arrive, with the reason of the last failure.
 * Bounded by the images of a node's sessions. A node reports them again on its next stream.
 */
export class ImageWaits implements MissingImages {
  readonly #deps: ImageWaitsDeps;
  readonly #missing = new Map<string, Map<string, MissingImage>>();

  constructor(deps: ImageWaitsDeps) {
    this.#deps = deps;
    deps.fleet.listen({
      live: () => undefined,
      imageMissing: (nodeId, { image }) => this.#begin(nodeId, image),
      imageMoved: (nodeId, { image, pushed, error }) => {
        if (!pushed && error === '') this.#end(nodeId, image);
        else if (!pushed) this.#fail(nodeId, image, error);
      },
      imagesChanged: (nodeId) => {
        const images = deps.fleet.stream(nodeId)?.facts.images;
        for (const image of [...(this.#missing.get(nodeId)?.keys() ?? [])]) if (images?.has(image)) this.#end(nodeId, image);
      },
      closed: (nodeId) => void this.#missing.delete(nodeId),
    });
  }

  of(nodeId: string, image: string): MissingImage | undefined {
    return this.#missing.get(nodeId)?.get(image);
  }

  /** No node could push an image so far. */
  failed(image: string, error: string): void {
    for (const nodeId of this.#missing.keys()) this.#fail(nodeId, image, error);
  }

  #begin(nodeId: NodeId, image: string): void {
    const missing = this.#missing.get(nodeId) ?? new Map<string, MissingImage>();
    if (!missing.has(image)) missing.set(image, { since: this.#deps.clock.now() });
    this.#missing.set(nodeId, missing);
  }

  #fail(nodeId: string, image: string, failure: string): void {
    const missing = this.#missing.get(nodeId);
    const known = missing?.get(image);
    if (known !== undefined && known.failure !== failure) missing?.set(image, { ...known, failure });
  }

  #end(nodeId: string, image: string): void {
    const missing = this.#missing.get(nodeId);
    missing?.delete(image);
    if (missing?.size === 0) this.#missing.delete(nodeId);
  }
}
