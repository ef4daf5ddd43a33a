import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import { imageKey, platformOf } from '../../domain/images/platforms.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { ImageMoves } from './image-moves.ts';

const AT_ONCE = 4;
const RETRY = { firstMs: 5_000, maxMs: 5 * 60_000 };

export interface WorkstationImagesDeps extends Pick<Background, 'loops' | 'view' | 'clock' | 'log'> {
  readonly fleet: Pick<Fleet, 'stream' | 'listen'>;
  readonly directory: Pick<NodeDirectory, 'node'>;
  readonly baseImage: string;
  /** Brings an image to a node from another one. Returns false if the node cannot pull. Undefined without a registry. */
  readonly images?: { missing(nodeId: NodeId, spaceId: SpaceId, image: string): boolean } | undefined;
}

/**
 * Has nodes make the images of workstations that nothing else can bring: one node for each image and
 * platform, while other nodes wait for it. Nothing is stored, since a node asks again on its next
 * stream.
 */
export class WorkstationImages {
  readonly #deps: WorkstationImagesDeps;
  readonly #moves: ImageMoves;
  /** Keyed by node and image. */
  readonly #loop: Loop<string>;
  readonly #spaces = new Map<string, SpaceId>();
  /** The node that makes an image, by the key of the image's row. */
  readonly #makers = new Map<string, string>();
  /** Keys of the loop that wait for an image. */
  readonly #waiting = new Map<string, Set<string>>();

  constructor(deps: WorkstationImagesDeps) {
    this.#deps = deps;
    const { loops, clock, log, fleet } = deps;
    const send: ConstructorParameters<typeof ImageMoves>[0]['send'] = (nodeId, frame) => fleet.stream(nodeId)?.send(frame) === true;
    this.#moves = new ImageMoves({ clock, send, passedAtMs: () => undefined });
    this.#loop = loops.open<string>({
      name: 'workstation-images',
      concurrency: AT_ONCE,
      retry: RETRY,
      failed: (error, { key, inARow }) => log.warn('image.not_made', { key, error, in_a_row: inARow }),
      run: (key, closing) => this.#make(key, closing),
    });
    fleet.listen({
      live: (nodeId) => this.#moves.connected(nodeId, true),
      imagesChanged: () => undefined,
      imageMoved: (nodeId, moved) => this.#moves.moved(nodeId, moved),
      closed: (nodeId) => this.#gone(nodeId),
    });
  }

  /** Has a node make an image that its session lacks. Returns false if it is no image of workstations. */
  make(nodeId: NodeId, spaceId: SpaceId, image: string): boolean {
    if (this.#deps.view.workstationName(image) === undefined) return false;
    const key = keyOf(nodeId, image);
    this.#spaces.set(key, spaceId);
    this.#loop.wake(key);
    return true;
  }

  async #make(key: string, closing: AbortSignal): Promise<undefined> {
    const { view, directory, baseImage, log, fleet } = this.#deps;
    const { nodeId, image } = fromKey(key);
    const node = directory.node(nodeId);
    const name = view.workstationName(image);
    if (node?.ready !== true || name === undefined || node.images.has(image)) return void this.#spaces.delete(key);
    const place = imageKey(image, platformOf(node));
    if (this.#makers.has(place)) {
      this.#waiting.set(place, (this.#waiting.get(place) ?? new Set()).add(key));
      return undefined;
    }
    this.#makers.set(place, key);
    try {
      await this.#moves.ask(nodeId, { kind: 'makeImage', value: { image, name, baseImage } }, closing);
      fleet.stream(nodeId)?.facts.addImage(image);
      this.#spaces.delete(key);
      log.info('image.made', { image, name, node: node.name });
    } finally {
      this.#makers.delete(place);
      this.#next(place);
    }
    return undefined;
  }

  /** Those that waited for another node bring the image from there, or make it. */
  #next(place: string): void {
    const waiting = this.#waiting.get(place) ?? [];
    this.#waiting.delete(place);
    for (const key of waiting) {
      const { nodeId, image } = fromKey(key);
      const spaceId = this.#spaces.get(key);
      if (spaceId === undefined || this.#deps.images?.missing(nodeId, spaceId, image) !== true) this.#loop.wake(key);
    }
  }

  #gone(nodeId: NodeId): void {
    this.#moves.gone(nodeId);
    for (const key of [...this.#spaces.keys()]) if (fromKey(key).nodeId === nodeId) this.#spaces.delete(key);
  }
}

const keyOf = (nodeId: NodeId, image: string): string => `${nodeId} ${image}`;

function fromKey(key: string): { readonly nodeId: NodeId; readonly image: string } {
  const [nodeId = '', image = ''] = key.split(' ');
  return { nodeId: nodeId as NodeId, image };
}
