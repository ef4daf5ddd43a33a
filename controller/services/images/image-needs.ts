import type { BuildRow } from '../../domain/builds/rows.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { View } from '../../domain/engine/view.ts';
import { type Platform, platformOf } from '../../domain/images/platforms.ts';
import { buildOf } from '../../domain/images/repository.ts';
import { takesSpace } from '../../domain/sessions/placement/filters.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { NewestBuilds } from './newest-builds.ts';

/** In a fleet of at most so many ready nodes, each gets every new image ahead of need. */
const SMALL_FLEET = 8;
/**
 * Every node of a small fleet gets the images of this many spaces built most recently, and of this
 * many whose images other nodes have.
 */
const MAX_FRESH = 1000;

export interface ImageNeedsDeps {
  readonly view: View;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly baseImage: string;
  /** Whether the registry has an image for a platform, or a node that can push it. */
  isObtainable(image: string, platform: Platform): boolean;
  /** Returns the spaces of which this node has an image; without a node, those of which any has one. */
  spacesOf(nodeId?: NodeId): Iterable<SpaceId>;
}

/** What each node needs: what its sessions wait for, and what it is likely to need. */
export class ImageNeeds {
  readonly #deps: ImageNeedsDeps;
  /** Images that sessions of a node wait for, each with a space. */
  readonly #asked = new Map<NodeId, Map<string, SpaceId>>();
  /** Spaces with images built in this process's time. */
  readonly #fresh = new Set<SpaceId>();

  readonly #newest: NewestBuilds;

  constructor(deps: ImageNeedsDeps) {
    this.#deps = deps;
    this.#newest = new NewestBuilds(deps.view);
  }

  /** Call after each COMMIT. */
  committed(mutations: readonly Mutation[]): void {
    this.#newest.committed(mutations);
  }

  /** A session of this space waits for an image on a node. */
  ask(nodeId: NodeId, image: string, spaceId: SpaceId): void {
    const asked = this.#asked.get(nodeId) ?? new Map<string, SpaceId>();
    this.#asked.set(nodeId, asked.set(image, spaceId));
  }

  /** Returns the space of a session that waits for an image on a node. */
  askedFor(nodeId: NodeId, image: string): SpaceId | undefined {
    return this.#asked.get(nodeId)?.get(image);
  }

  settle(nodeId: NodeId, image: string): void {
    this.#asked.get(nodeId)?.delete(image);
  }

  /** Returns the nodes on which sessions wait, for one of these images if given. */
  *askers(images?: ReadonlySet<string>): Generator<NodeId> {
    for (const [nodeId, asked] of this.#asked)
      if (images === undefined || [...asked.keys()].some((image) => images.has(image))) yield nodeId;
  }

  built({ spaceId }: BuildRow): void {
    this.#fresh.delete(spaceId);
    this.#fresh.add(spaceId);
    const [oldest] = this.#fresh;
    if (this.#fresh.size > MAX_FRESH && oldest !== undefined) this.#fresh.delete(oldest);
  }

  /** Whether each node gets every new image of a space ahead of need. */
  get isSmallFleet(): boolean {
    return this.#deps.directory.nodes().filter(({ ready }) => ready).length <= SMALL_FLEET;
  }

  gone(nodeId: NodeId): void {
    this.#asked.delete(nodeId);
  }

  /** Returns the images that a node lacks, most urgent first. */
  of(node: FleetNode): readonly string[] {
    const { view, baseImage } = this.#deps;
    const asked = this.#asked.get(node.id);
    for (const image of asked?.keys() ?? []) if (node.images.has(image)) asked?.delete(image);
    const needed = new Set<string>();
    for (const image of asked?.keys() ?? []) {
      // If it has to be rebuilt, its base image comes first.
      const base = this.canBring(node, image) ? undefined : buildOf(view, image)?.baseImage;
      if (base !== undefined && this.canBring(node, base)) needed.add(base);
      needed.add(image);
    }
    needed.add(baseImage);
    const spaces = new Set(this.#deps.spacesOf(node.id));
    if (this.isSmallFleet) for (const spaceId of this.#everywhere()) spaces.add(spaceId);
    for (const spaceId of spaces) {
      const newest = takesSpace(node, spaceId) ? this.#newest.of(spaceId) : undefined;
      if (newest === undefined) continue;
      if (!this.canBring(node, newest.image) && this.canBring(node, newest.baseImage)) needed.add(newest.baseImage);
      needed.add(newest.image);
    }
    const nearby = this.#onItsEngine(node);
    // What a session waits for is requested anyway: then the node looks again.
    return [...needed].filter((image) => !node.images.has(image) && (asked?.has(image) || !nearby.some((images) => images.has(image))));
  }

  /** Returns the spaces whose images every node of a small fleet gets, also one that joins later. */
  *#everywhere(): Generator<SpaceId> {
    yield* this.#fresh;
    let left = MAX_FRESH;
    for (const spaceId of this.#deps.spacesOf()) {
      if (left-- === 0) return;
      yield spaceId;
    }
  }

  canBring(node: FleetNode, image: string): boolean {
    return !node.images.has(image) && this.#deps.isObtainable(image, platformOf(node));
  }

  /** Returns the images of nodes with the same engine, which this one has too and reports later. */
  #onItsEngine({ id, engine }: FleetNode): readonly ReadonlySet<string>[] {
    if (engine === undefined) return [];
    return this.#deps.directory.nodes().flatMap((one) => (one.id !== id && one.engine === engine && one.ready ? [one.images] : []));
  }
}
