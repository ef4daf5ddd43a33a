import type { Counter } from '../../../seams/metrics.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import { forgetImage } from '../../domain/images/commands/record-image.ts';
import { fromImageKey, imageKey, PLATFORMS, type Platform, platformOf } from '../../domain/images/platforms.ts';
import { buildOf } from '../../domain/images/repository.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { ImageHolders } from './image-holders.ts';
import { ImageMoves, type Moved } from './image-moves.ts';
import { ImageNeeds } from './image-needs.ts';
import { ImagePushes } from './image-pushes.ts';
import { PlatformBuilds } from './platform-builds.ts';
import { type Grant, RegistryGrants } from './registry-grants.ts';
import type { RegistryState } from './registry-state.ts';

/** Nodes that pull at the same time. */
const PULLING_NODES = 8;
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

export interface ImageDistributionDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'clock' | 'log' | 'metrics'> {
  readonly fleet: Pick<Fleet, 'stream'>;
  readonly directory: Pick<NodeDirectory, 'nodes' | 'node'>;
  readonly baseImage: string;
  readonly registry: RegistryState;
  /** Rebuilds an image that a node's session needs, or tells the node that nothing can. */
  rebuild(nodeId: NodeId, spaceId: SpaceId, image: string): void;
  /** An image that sessions can wait for was not moved, for a reason that another attempt follows. */
  failed?(image: string, error: string): void;
}

/**
 * Brings images to the nodes that need them, through the registry. A node pulls what its sessions
 * lack first, then what it is likely to need. An image is pushed only when another node lacks it, by
 * a node that has it. Level-triggered: both loops compare what nodes have with what they need.
 */
export class ImageDistribution {
  readonly grants: RegistryGrants;
  readonly #deps: ImageDistributionDeps;
  readonly #moves: ImageMoves;
  readonly #pulls: Loop<NodeId>;
  readonly #pushes: ImagePushes;
  readonly #needs: ImageNeeds;
  readonly #holders: ImageHolders;
  /** They wait for an image that only an absent node can have. */
  readonly #awaiting = new Set<NodeId>();
  /** Nodes that need an image which is not in the registry yet, by the key of its row. */
  readonly #wanting = new Map<string, Set<NodeId>>();
  readonly #platformBuilds: PlatformBuilds;
  readonly #moved: Counter<'kind' | 'outcome'>;

  constructor(deps: ImageDistributionDeps) {
    this.#deps = deps;
    const { loops, metrics, log, clock, fleet, applier } = deps;
    this.grants = new RegistryGrants(clock);
    this.#platformBuilds = new PlatformBuilds(clock);
    this.#holders = new ImageHolders(deps);
    this.#needs = new ImageNeeds({
      ...deps,
      isObtainable: (image, platform) => this.isObtainable(image, platform),
      spacesOf: (nodeId) => this.#holders.spacesOf(nodeId),
    });
    this.#moves = new ImageMoves({
      clock,
      send: (nodeId, frame) => fleet.stream(nodeId)?.send(frame) === true,
      passedAtMs: (nodeId) => this.grants.passedAtMs(nodeId),
    });
    this.#moved = metrics.counter({
      name: 'image_moves_total',
      help: 'Images that nodes pulled from or pushed to the registry, by outcome',
      labels: ['kind', 'outcome'],
    });
    this.#pulls = loops.open<NodeId>({
      name: 'image-pulls',
      concurrency: PULLING_NODES,
      retry: RETRY,
      failed: (error, { key, inARow }) => log.warn('image.not_moved', { kind: 'pull', key, error, in_a_row: inARow }),
      run: (nodeId, closing) => this.#pullAll(nodeId, closing),
    });
    this.#pushes = new ImagePushes({
      ...{ ...deps, holders: this.#holders, moves: this.#moves, grants: this.grants, moved: this.#moved, retry: RETRY },
      unpushable: () => this.#unpushable(),
      failed: (image, error) => deps.failed?.(image, error),
    });
    applier.onCommitted(({ mutations }) => {
      this.#needs.committed(mutations);
      for (const one of mutations) if (one.kind === 'put' && one.table === 'images') this.#inRegistry(one.row.id);
      // A node was lost or removed: nobody waits for it any more.
      if (mutations.some((one) => 'table' in one && one.table === 'nodes')) this.#wakeAwaiting();
    });
  }

  /** The registry came up. */
  wakeAll(): void {
    for (const { id, ready } of this.#deps.directory.nodes()) if (ready) this.#pulls.wake(id);
    this.#pushes.wakeAll();
  }

  /** A build completed on a node: others that are likely to need it are asked to pull it. */
  built(build: BuildRow): void {
    this.#needs.built(build);
    if (build.nodeId !== null) this.#holders.update(build.nodeId);
    const nodes = this.#needs.isSmallFleet ? this.#deps.directory.nodes().map(({ id }) => id) : this.#holders.ofSpace(build.spaceId);
    for (const id of new Set([...nodes, ...this.#needs.askers(new Set([build.image]))]))
      if (this.#deps.directory.node(id)?.ready === true) this.#pulls.wake(id);
  }

  connected(nodeId: NodeId): void {
    this.#moves.connected(nodeId, this.#deps.directory.node(nodeId)?.pulls === true);
    this.changed(nodeId);
  }

  /** The images of a node changed. */
  changed(nodeId: NodeId): void {
    this.#pulls.wake(nodeId);
    this.#holders.update(nodeId);
    const node = this.#deps.directory.node(nodeId);
    const images = node?.images ?? new Set();
    this.#pushes.found(images);
    if (node !== undefined) this.#foundWanted(node);
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
    return (this.isObtainable(baseImage, platformOf(node)) || this.#isSomeoneAway()) && this.missing(nodeId, spaceId, image);
  }

  /** A rebuild for a node failed: another one of its platform can repeat it. */
  notRebuilt(nodeId: NodeId, { image }: BuildRow): void {
    for (const key of PLATFORMS.map((one) => imageKey(image, one))) if (this.#platformBuilds.failed(key, nodeId)) this.#wakeWanting(key);
  }

  /** Whether a node is asked to pull or push. */
  get isMoving(): boolean {
    return this.#moves.isMoving;
  }

  /** Returns whether the registry has an image for a platform, or a node that can push it. */
  isObtainable(image: string, platform: Platform): boolean {
    return this.#deps.view.get('images', imageKey(image, platform)) !== undefined || this.#holders.of(image, platform).length > 0;
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
    for (const [key, wanting] of this.#wanting) if (wanting.delete(nodeId) && wanting.size === 0) this.#wanting.delete(key);
    for (const key of this.#platformBuilds.gone(nodeId)) this.#wakeWanting(key);
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

  #inRegistry(key: string): void {
    this.#pushes.inRegistry(key);
    this.#platformBuilds.end(key);
    this.#wakeWanting(key);
  }

  #wakeWanting(key: string): void {
    const wanting = this.#wanting.get(key);
    this.#wanting.delete(key);
    for (const nodeId of wanting ?? []) this.#pulls.wake(nodeId);
  }

  /** A node has what others of its platform wait for: they look again. */
  #foundWanted(node: FleetNode): void {
    for (const key of [...this.#wanting.keys()]) {
      const { image, platform } = fromImageKey(key);
      if (platform !== platformOf(node) || !node.images.has(image)) continue;
      this.#platformBuilds.end(key);
      this.#wakeWanting(key);
    }
  }

  /** Nodes that waited for a push need another way. */
  #unpushable(): void {
    for (const nodeId of this.#needs.askers()) this.#pulls.wake(nodeId);
  }

  /** What a node has is known only while it is connected: an absent one can have any image. */
  #isSomeoneAway(): boolean {
    return this.#deps.directory.nodes().some(({ away }) => away);
  }

  #wakeAwaiting(): void {
    for (const nodeId of this.#awaiting) this.#pulls.wake(nodeId);
    this.#awaiting.clear();
  }

  async #bring(node: FleetNode, image: string, closing: AbortSignal): Promise<void> {
    const { view, log, fleet, applier } = this.#deps;
    const key = imageKey(image, platformOf(node));
    const row = view.get('images', key);
    if (row === undefined) return this.#bringWithout(node, image, key);
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
        await applier.apply(forgetImage(key, digest));
      }
      throw error;
    } finally {
      withdraw();
    }
  }

  /** Brings an image that the registry lacks for the platform of a node. */
  #bringWithout(node: FleetNode, image: string, key: string): void {
    if (this.#holders.of(image, platformOf(node)).length > 0) {
      this.#wants(key, node.id);
      return this.#pushes.want(key);
    }
    const build = buildOf(this.#deps.view, image);
    const spaceId = this.#needs.askedFor(node.id, image);
    if (spaceId === undefined) {
      // A node that has it can come.
      this.#wants(key, node.id);
      return build && this.#buildForPlatform(node, build, key);
    }
    const base = build?.baseImage;
    // Its arrival repeats this.
    if (base !== undefined && this.#needs.canBring(node, base)) return;
    const isBuilt = this.#deps.view.workstationName(image) === undefined;
    if (isBuilt && (base === undefined || !node.images.has(base)) && this.#isSomeoneAway()) return void this.#awaiting.add(node.id);
    this.#needs.settle(node.id, image);
    this.#deps.rebuild(node.id, spaceId, image);
  }

  /** Repeats a build whose image exists for other platforms only, once for all nodes of this one. */
  #buildForPlatform(node: FleetNode, build: BuildRow, key: string): void {
    const isElsewhere = PLATFORMS.some((one) => one !== platformOf(node) && this.isObtainable(build.image, one));
    if (!isElsewhere || !node.images.has(build.baseImage)) return;
    if (!this.#platformBuilds.take(key, node.id)) return;
    this.#deps.log.info('image.built_for_platform', { image: build.image, platform: platformOf(node), node: node.name });
    this.#deps.rebuild(node.id, build.spaceId, build.image);
  }

  #wants(key: string, nodeId: NodeId): void {
    this.#wanting.set(key, (this.#wanting.get(key) ?? new Set()).add(nodeId));
  }

  /** A node can make the registry answer 404 as it likes, so only the registry's own word counts. */
  async #isGone({ repository, hasVanished }: Grant, digest: string): Promise<boolean> {
    const { registry } = this.#deps;
    if (hasVanished === true && (await registry.lacks(repository, digest).catch(() => false))) return true;
    return (await registry.repair?.(digest).catch(() => false)) === true;
  }
}
