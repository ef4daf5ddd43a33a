import type { Counter } from '../../../seams/metrics.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import { forgetImage, recordImage } from '../../domain/images/commands/record-image.ts';
import { buildOf, placeOf } from '../../domain/images/repository.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { ImageHolders } from './image-holders.ts';
import { ImageMoves, type Moved } from './image-moves.ts';
import { ImageNeeds } from './image-needs.ts';
import { ImagesToPush } from './images-to-push.ts';
import { type Grant, RegistryGrants } from './registry-grants.ts';

/** Nodes that pull at the same time, and images that are pushed at the same time. */
const PULLING_NODES = 8;
const PUSHES = 4;
/** Nodes that share an engine see a new image a moment after the node that built it. */
const SETTLE_MS = 1_500;
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

export interface RegistryState {
  readonly isUp: boolean;
  /** Whether pushes have to wait, until it is up again. */
  readonly isReadOnly?: boolean;
  /** Asks the registry itself whether it lacks an image or a part of it. @throws if it does not answer. */
  lacks(repository: string, digest: string): Promise<boolean>;
  /** Looks for damage of an image that could not be pulled. Returns whether it has to be pushed again. */
  repair?(digest: string): Promise<boolean>;
  /** Calls `listener` when the registry begins to serve. */
  onUp(listener: () => void): void;
}

export interface ImageDistributionDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'clock' | 'log' | 'metrics'> {
  readonly fleet: Pick<Fleet, 'stream'>;
  readonly directory: Pick<NodeDirectory, 'nodes' | 'node'>;
  readonly baseImage: string;
  readonly registry: RegistryState;
  /** Rebuilds an image that a node's session needs, or tells the node that nothing can. */
  rebuild(nodeId: NodeId, spaceId: SpaceId, image: string): void;
}

/**
 * Brings images to the nodes that need them, through the registry. A node pulls what its sessions
 * lack first, then what it is likely to need. An image is pushed only when another node lacks it, by
 * a node that has it. Level-triggered: both loops compare what nodes have with what they need.
 */
export class ImageDistribution {
  readonly grants = new RegistryGrants();
  readonly #deps: ImageDistributionDeps;
  readonly #moves: ImageMoves;
  readonly #pulls: Loop<NodeId>;
  readonly #pushes: Loop<string>;
  readonly #needs: ImageNeeds;
  readonly #holders: ImageHolders;
  /** Nodes that wait for an image that only an absent node can have. */
  readonly #awaiting = new Set<NodeId>();
  readonly #toPush = new ImagesToPush();
  /** Nodes that need an image which is not in the registry yet. */
  readonly #wanting = new Map<string, Set<NodeId>>();
  readonly #moved: Counter<'kind' | 'outcome'>;

  constructor(deps: ImageDistributionDeps) {
    this.#deps = deps;
    const { loops, metrics, log, clock, fleet, applier } = deps;
    this.#holders = new ImageHolders(deps);
    this.#needs = new ImageNeeds({ ...deps, isObtainable: (image) => this.isObtainable(image) });
    this.#moves = new ImageMoves({ clock, send: (nodeId, frame) => fleet.stream(nodeId)?.send(frame) === true });
    this.#moved = metrics.counter({
      name: 'image_moves_total',
      help: 'Images that nodes pulled from or pushed to the registry, by outcome',
      labels: ['kind', 'outcome'],
    });
    const failed =
      (kind: string) =>
      (error: string, { key, inARow }: { readonly key: string; readonly inARow: number }) =>
        log.warn('image.not_moved', { kind, key, error, in_a_row: inARow });
    this.#pulls = loops.open<NodeId>({
      name: 'image-pulls',
      concurrency: PULLING_NODES,
      retry: RETRY,
      failed: failed('pull'),
      run: (nodeId, closing) => this.#pullAll(nodeId, closing),
    });
    this.#pushes = loops.open({
      name: 'image-pushes',
      concurrency: PUSHES,
      retry: RETRY,
      failed: failed('push'),
      run: (image, closing) => this.#push(image, closing),
    });
    applier.onCommitted(({ mutations }) => {
      for (const one of mutations) if (one.kind === 'put' && one.table === 'images') this.#inRegistry(one.row.id);
      // A node was lost or removed: nobody waits for it any more.
      if (mutations.some((one) => 'table' in one && one.table === 'nodes')) this.#wakeAwaiting();
    });
  }

  /** The registry came up. */
  wakeAll(): void {
    for (const { id, ready } of this.#deps.directory.nodes()) if (ready) this.#pulls.wake(id);
    for (const image of this.#toPush) this.#pushes.wake(image);
  }

  /** A build completed on a node: others that are likely to need it are asked to pull it. */
  built(build: BuildRow): void {
    this.#needs.built(build);
    if (build.nodeId !== null) this.#holders.update(build.nodeId);
    const nodes = this.#needs.isSmallFleet ? this.#deps.directory.nodes().map(({ id }) => id) : this.#holders.ofSpace(build.spaceId);
    for (const id of new Set([...nodes, ...this.#needs.askers(new Set([build.image]))]))
      if (this.#deps.directory.node(id)?.ready === true) this.#pulls.after(id, SETTLE_MS);
  }

  connected(nodeId: NodeId): void {
    this.#moves.resend(nodeId);
    this.changed(nodeId);
  }

  /** The images of a node changed. */
  changed(nodeId: NodeId): void {
    this.#pulls.after(nodeId, SETTLE_MS);
    this.#holders.update(nodeId);
    const images = this.#deps.directory.node(nodeId)?.images ?? new Set();
    for (const image of this.#toPush) if (images.has(image)) this.#pushes.wake(image);
    // Another node can wait for what this one has.
    for (const other of this.#needs.askers(images)) this.#pulls.wake(other);
    this.#wakeAwaiting();
  }

  /** Takes over an image that a session lacks. Returns false if this node cannot pull. */
  missing(nodeId: NodeId, spaceId: SpaceId, image: string): boolean {
    if (this.#deps.directory.node(nodeId)?.pulls !== true) return false;
    this.#needs.ask(nodeId, image, spaceId);
    this.#pulls.wake(nodeId);
    return true;
  }

  /**
   * Takes over an image whose rebuild lacks its base image on the node: brings the base image, then
   * has the rebuild repeated. Returns false if nothing can bring it, now or once an absent node is back.
   */
  baseMissing(nodeId: NodeId, { spaceId, image, baseImage }: BuildRow): boolean {
    const node = this.#deps.directory.node(nodeId);
    if (node === undefined || node.images.has(baseImage)) return false;
    return (this.isObtainable(baseImage) || this.#isSomeoneAway()) && this.missing(nodeId, spaceId, image);
  }

  /** Whether a node is asked to pull or push. */
  get isMoving(): boolean {
    return this.#moves.isMoving;
  }

  /** Returns whether the registry has an image, or a node that can push it. */
  isObtainable(image: string): boolean {
    return this.#deps.view.get('images', image) !== undefined || this.#holders.of(image).length > 0;
  }

  moved(nodeId: NodeId, moved: Moved): void {
    this.#moves.moved(nodeId, moved);
  }

  gone(nodeId: NodeId): void {
    this.#needs.gone(nodeId);
    this.#holders.update(nodeId);
    this.#awaiting.delete(nodeId);
    this.#moves.gone(nodeId);
    this.#pulls.forget(nodeId);
  }

  async #pullAll(nodeId: NodeId, closing: AbortSignal): Promise<undefined> {
    let failure: { readonly error: unknown } | undefined;
    const tried = new Set<string>();
    for (;;) {
      // Look again after each image: what sessions wait for comes first.
      const node = this.#deps.directory.node(nodeId);
      if (node === undefined || !node.ready || !node.pulls || !this.#deps.registry.isUp) break;
      const image = this.#needs.of(node).find((one) => !tried.has(one));
      if (image === undefined) break;
      tried.add(image);
      try {
        await this.#bring(node, image, closing);
      } catch (error) {
        failure = { error };
      }
    }
    if (failure !== undefined && !closing.aborted) throw failure.error;
    return undefined;
  }

  #inRegistry(image: string): void {
    const wanting = this.#wanting.get(image);
    this.#wanting.delete(image);
    this.#toPush.delete(image);
    for (const nodeId of wanting ?? []) this.#pulls.wake(nodeId);
    for (const other of this.#toPush) if (buildOf(this.#deps.view, other)?.baseImage === image) this.#pushes.wake(other);
  }

  /** What a node has is known only while it is connected: an absent one can have any image. */
  #isSomeoneAway(): boolean {
    return this.#deps.directory.nodes().some(({ away }) => away);
  }

  #wakeAwaiting(): void {
    for (const nodeId of this.#awaiting) this.#pulls.after(nodeId, SETTLE_MS);
    this.#awaiting.clear();
  }

  async #bring(node: FleetNode, image: string, closing: AbortSignal): Promise<void> {
    const { view, log, fleet, applier } = this.#deps;
    const row = view.get('images', image);
    if (row === undefined) {
      if (this.#holders.of(image).length > 0) {
        this.#wanting.set(image, (this.#wanting.get(image) ?? new Set()).add(node.id));
        this.#toPush.add(image);
        this.#pushes.wake(image);
        return;
      }
      const spaceId = this.#needs.askedFor(node.id, image);
      if (spaceId === undefined) return;
      const base = buildOf(view, image)?.baseImage;
      // Its arrival repeats this.
      if (base !== undefined && this.#needs.canBring(node, base)) return;
      // A rebuild would fail now, and the sessions with it.
      if ((base === undefined || !node.images.has(base)) && this.#isSomeoneAway()) return void this.#awaiting.add(node.id);
      this.#needs.settle(node.id, image);
      return this.#deps.rebuild(node.id, spaceId, image);
    }
    const { repository, digest } = row;
    const grant: Grant = { nodeId: node.id, image, repository };
    const withdraw = this.grants.give(grant);
    try {
      await this.#moves.ask(node.id, { kind: 'pullImage', value: { image, repository, digest } }, closing);
      fleet.stream(node.id)?.facts.addImage(image);
      this.#holders.update(node.id);
      this.#moved.add(1, { kind: 'pull', outcome: 'ok' });
      log.info('image.pulled', { image, node: node.name });
    } catch (error) {
      this.#moved.add(1, { kind: 'pull', outcome: 'failed' });
      if (await this.#isGone(grant, digest)) {
        log.warn('image.vanished', { image, digest });
        await applier.apply(forgetImage(image, digest));
      }
      throw error;
    } finally {
      withdraw();
    }
  }

  /** A node can make the registry answer 404 as it likes, so only the registry's own word counts. */
  async #isGone({ repository, hasVanished }: Grant, digest: string): Promise<boolean> {
    const { registry } = this.#deps;
    if (hasVanished === true && (await registry.lacks(repository, digest).catch(() => false))) return true;
    return (await registry.repair?.(digest).catch(() => false)) === true;
  }

  async #push(image: string, closing: AbortSignal): Promise<undefined> {
    const { view, registry, applier, log } = this.#deps;
    if (view.get('images', image) !== undefined) return void this.#toPush.delete(image);
    if (!registry.isUp || registry.isReadOnly) return undefined;
    // A node that fails, or lies about having the image, keeps the others from pushing it once.
    const node = [...this.#holders.of(image)].sort(
      (a, b) => this.#toPush.failuresOf(image, a.id) - this.#toPush.failuresOf(image, b.id) || this.#moves.of(a.id) - this.#moves.of(b.id),
    )[0];
    if (node === undefined) {
      this.#toPush.delete(image);
      // Nodes that waited for the push need another way.
      this.#wanting.delete(image);
      for (const nodeId of this.#needs.askers()) this.#pulls.wake(nodeId);
      return undefined;
    }
    const build = buildOf(view, image);
    // The base image goes first: then its layers are in the registry, and are not uploaded again.
    if (build !== undefined && view.get('images', build.baseImage) === undefined && this.#holders.of(build.baseImage).length > 0) {
      this.#toPush.add(build.baseImage);
      this.#pushes.wake(build.baseImage);
      return undefined;
    }
    const { repository, tag } = placeOf(build, image);
    const grant: Grant = { nodeId: node.id, image, repository, tag };
    const withdraw = this.grants.give(grant);
    try {
      await this.#moves.ask(node.id, { kind: 'pushImage', value: { image, repository, tag } }, closing);
      if (grant.digest === undefined) throw new Error('the registry did not confirm the image');
      if (await registry.lacks(repository, grant.digest)) throw new Error('the registry lacks a part of what the node pushed');
      await applier.apply(recordImage(image, repository, grant.digest));
      this.#toPush.delete(image);
      this.#moved.add(1, { kind: 'push', outcome: 'ok' });
      log.info('image.pushed', { image, node: node.name, digest: grant.digest });
    } catch (error) {
      this.#moved.add(1, { kind: 'push', outcome: 'failed' });
      this.#toPush.failed(image, node.id);
      throw error;
    } finally {
      withdraw();
    }
    return undefined;
  }
}
