import { messageOf } from '../../../seams/message-of.ts';
import type { Counter } from '../../../seams/metrics.ts';
import { recordPush } from '../../domain/builds/commands/advance-build.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { recordImage } from '../../domain/images/commands/record-image.ts';
import { fromImageKey, imageKey } from '../../domain/images/platforms.ts';
import { buildOf, placeOf } from '../../domain/images/repository.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import type { ImageHolders } from './image-holders.ts';
import { type ImageMoves, NodeFailure } from './image-moves.ts';
import { ImagesToPush } from './images-to-push.ts';
import type { Grant, RegistryGrants } from './registry-grants.ts';
import type { RegistryState } from './registry-state.ts';

/** Images that are pushed at the same time. */
const PUSHES = 8;
/** By one node, so that one that is slow on purpose does not hold up all the others. */
const PUSHES_OF_A_NODE = 2;

export interface ImagePushesDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'clock' | 'log'> {
  readonly registry: RegistryState;
  readonly holders: ImageHolders;
  readonly moves: ImageMoves;
  readonly grants: RegistryGrants;
  readonly moved: Counter<'kind' | 'outcome'>;
  readonly retry: { readonly firstMs: number; readonly maxMs: number };
  /** No node can push an image that another one waits for. */
  unpushable(): void;
  /** An attempt failed, and is repeated. */
  failed(image: string, error: string): void;
}

/** Brings images into the registry that a node lacks and another node has. Keyed as their rows. */
export class ImagePushes {
  readonly #deps: ImagePushesDeps;
  readonly #loop: Loop<string>;
  readonly #toPush = new ImagesToPush();
  readonly #pushing = new Map<NodeId, number>();
  /** Images whose nodes all push others now. */
  readonly #waiting = new Set<string>();

  constructor(deps: ImagePushesDeps) {
    this.#deps = deps;
    this.#loop = deps.loops.open<string>({
      name: 'image-pushes',
      concurrency: PUSHES,
      retry: deps.retry,
      failed: (error, { key, inARow }) => {
        deps.log.warn('image.not_moved', { kind: 'push', key, error, in_a_row: inARow });
      },
      run: (key, closing) => this.#push(key, closing),
    });
  }

  want(key: string): void {
    this.#toPush.add(key);
    this.#loop.wake(key);
  }

  wakeAll(): void {
    for (const key of this.#toPush) this.#loop.wake(key);
  }

  /** A node has these images now. */
  found(images: ReadonlySet<string>): void {
    for (const key of this.#toPush) if (images.has(fromImageKey(key).image)) this.#loop.wake(key);
  }

  /** The registry has an image. What was built on it can follow. */
  inRegistry(key: string): void {
    this.#toPush.delete(key);
    const { image, platform } = fromImageKey(key);
    for (const other of this.#toPush) {
      const { image: name, platform: its } = fromImageKey(other);
      if (its === platform && buildOf(this.#deps.view, name)?.baseImage === image) this.#loop.wake(other);
    }
  }

  async #push(key: string, closing: AbortSignal): Promise<undefined> {
    const { view, registry, applier, clock, log, holders, moves, grants, moved } = this.#deps;
    if (view.get('images', key) !== undefined) return void this.#toPush.delete(key);
    if (!registry.isUp || registry.isReadOnly) return undefined;
    const { image, platform } = fromImageKey(key);
    // A node that fails, or lies about having the image, keeps the others from pushing it once.
    const able = holders.of(image, platform);
    if (able.length === 0) {
      this.#toPush.delete(key);
      return void this.#deps.unpushable();
    }
    const node = able
      .filter(({ id }) => this.#pushesOf(id) < PUSHES_OF_A_NODE)
      .sort((a, b) => this.#toPush.failuresOf(key, a.id) - this.#toPush.failuresOf(key, b.id) || moves.of(a.id) - moves.of(b.id))[0];
    if (node === undefined) return void this.#waiting.add(key);
    const build = buildOf(view, image);
    const base = build && imageKey(build.baseImage, platform);
    // The base image goes first: then its layers are in the registry, and are not uploaded again.
    if (build !== undefined && base !== undefined && view.get('images', base) === undefined) {
      if (holders.of(build.baseImage, platform).length > 0) return void this.want(base);
    }
    const { repository, tag } = placeOf(build, image, platform);
    const grant: Grant = { nodeId: node.id, image, repository, tag };
    const withdraw = grants.give(grant);
    const beganMs = clock.monotonic();
    this.#pushing.set(node.id, this.#pushesOf(node.id) + 1);
    try {
      await moves.ask(node.id, { kind: 'pushImage', value: { image, repository, tag } }, closing);
      if (grant.digest === undefined) throw new Error('the registry did not confirm the image');
      if (await registry.lacks(repository, grant.digest)) throw new Error('the registry lacks a part of what the node pushed');
      await applier.apply(recordImage(key, repository, grant.digest));
      if (build !== undefined) applier.tell(recordPush(build.id, Math.max(1, Math.round(clock.monotonic() - beganMs))));
      this.#toPush.delete(key);
      moved.add(1, { kind: 'push', outcome: 'ok' });
      log.info('image.pushed', { image, platform, node: node.name, digest: grant.digest });
    } catch (error) {
      moved.add(1, { kind: 'push', outcome: 'failed' });
      this.#toPush.failed(key, node.id);
      // Sessions on other nodes show it, also those of spaces that this node may not serve.
      this.#deps.failed(image, error instanceof NodeFailure ? 'a node that has it could not push it' : messageOf(error));
      throw error;
    } finally {
      withdraw();
      this.#ended(node.id);
    }
    return undefined;
  }

  #pushesOf(nodeId: NodeId): number {
    return this.#pushing.get(nodeId) ?? 0;
  }

  #ended(nodeId: NodeId): void {
    const left = this.#pushesOf(nodeId) - 1;
    if (left > 0) this.#pushing.set(nodeId, left);
    else this.#pushing.delete(nodeId);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const key of waiting) this.#loop.wake(key);
  }
}
