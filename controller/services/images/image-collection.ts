import type { Counter } from '../../../seams/metrics.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { forgetCondemned, judgeImages } from '../../domain/images/commands/condemn-images.ts';
import { forgetImage } from '../../domain/images/commands/record-image.ts';
import { isImageNeeded, isOwnImage } from '../../domain/images/needed.ts';
import { fromImageKey, imageKey, PLATFORMS } from '../../domain/images/platforms.ts';
import { platformsInRegistry } from '../../domain/images/repository.ts';
import type { CondemnedImageRow } from '../../domain/images/rows.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { Fleet } from '../fleet/fleet.ts';

/** How long an image stays after its last use. */
export const IMAGE_GRACE_MS = 60 * 60_000;
const EVERY_MS = 60_000;
/** A node that is away for longer keeps its condemned images. */
const FORGOTTEN_AFTER_MS = 30 * 24 * 60 * 60_000;
/** Judged in one commit. */
const IN_A_COMMIT = 200;
/** Condemned images that a pass considers, oldest first. */
const MAX_CONDEMNED = 10_000;
/** Condemned images that are looked up in one turn of the event loop. */
const IN_A_TURN = 500;
/** Removals that are asked of a node at once, and that a pass makes in the registry. */
const IN_A_PASS = 100;

const ALL = 'all';

/** The registry, as far as images are removed from it. */
export interface RegistryCleanup {
  readonly isUp: boolean;
  /**
   * Removes a manifest, and those that it names unless they are kept. `refused`: the registry removes
   * none. @throws if it does not answer.
   */
  removeManifest(repository: string, digest: string, isKept: (digest: string) => boolean): Promise<'removed' | 'refused'>;
  /** Called after each pass: frees the space of what no manifest needs any more, if that is due. */
  collect(isUrgent: boolean): void;
}

/** When images are removed. */
export interface CollectionRules {
  /** Default: {@link IMAGE_GRACE_MS}. */
  readonly graceMs?: number | undefined;
  /** Whether the controller's disk, which can be the registry's, is low. */
  isDiskLow?(): boolean;
}

export interface ImageCollectionDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'clock' | 'log' | 'metrics'> {
  readonly fleet: Pick<Fleet, 'stream' | 'listen'>;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly baseImage: string;
  readonly rules?: CollectionRules | undefined;
  /** Whether images are being pulled or pushed. */
  isMoving?(): boolean;
  /** Undefined without a registry. */
  readonly registry?: RegistryCleanup | undefined;
}

/**
 * Removes images that no session, no build and no newest build of a space needs: condemned first,
 * removed from nodes and registry after a grace, or at once where the disk is low, oldest first.
 * Level-triggered: each pass compares what nodes and registry have with what is needed.
 */
export class ImageCollection {
  readonly #deps: ImageCollectionDeps;
  /** Passes, and nodes that have done what they were asked and have more. */
  readonly #loop: Loop<typeof ALL | NodeId>;
  readonly #graceMs: number;
  readonly #removals: Counter<'outcome'>;
  #condemned = 0;
  /** Where the next pass goes on with a node: it can be unable to remove the oldest, and says nothing. */
  readonly #next = new Map<NodeId, string>();
  /** Of nodes with more than they were asked to remove. */
  readonly #asked = new Map<NodeId, readonly string[]>();

  constructor(deps: ImageCollectionDeps) {
    this.#deps = deps;
    const { loops, metrics, fleet } = deps;
    const graceMs = deps.rules?.graceMs ?? IMAGE_GRACE_MS;
    this.#graceMs = graceMs;
    this.#removals = metrics.counter({
      name: 'registry_removals_total',
      help: 'Manifests of condemned images, by what the registry did with them',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'images_condemned',
      help: 'Images that nothing needs and that are not removed everywhere yet',
      read: () => this.#condemned,
    });
    const everyMs = Math.min(EVERY_MS, graceMs);
    const run = async (key: typeof ALL | NodeId, closing: AbortSignal) => {
      if (key !== ALL) return this.#askMore(key);
      await this.#pass(closing);
      return everyMs;
    };
    this.#loop = loops.open({ name: 'image-collection', first: { key: ALL, afterMs: everyMs }, run });
    // Its disk can have become low.
    fleet.listen({
      live: () => undefined,
      imagesChanged: (node) => {
        if (this.#hasRemoved(node)) this.#loop.wake(node);
      },
      closed: () => undefined,
      conditionsChanged: () => this.#loop.wake(ALL),
    });
  }

  async #pass(closing: AbortSignal): Promise<void> {
    const { applier, view, directory, baseImage, registry } = this.#deps;
    const present = [...(await this.#present(closing))];
    for (let from = 0; from < present.length && !closing.aborted; from += IN_A_COMMIT)
      await applier.apply(judgeImages(present.slice(from, from + IN_A_COMMIT), baseImage));
    if (closing.aborted) return;
    const condemned = view.condemnedImages(MAX_CONDEMNED);
    this.#condemned = condemned.length;
    const nodes = directory.nodes();
    for (const id of this.#next.keys()) if (!nodes.some((node) => node.id === id)) this.#askedAll(id);
    // Requests, commits and heartbeats run in between: together, the nodes can have very many images.
    for (const node of nodes) {
      if (!node.ready) continue;
      await this.#turn();
      if (closing.aborted) return;
      this.#askNode(node, condemned);
    }
    await this.#emptyRegistry(condemned, closing);
    await this.#forget(nodes, condemned, closing);
    if (closing.aborted) return;
    // Nobody pulls or pushes, so restarts of the registry disturb nobody.
    if (this.#deps.isMoving?.() !== true) registry?.collect(this.#isDiskLow());
  }

  /** Returns the images that connected nodes and the registry have, and those condemned before. */
  async #present(closing: AbortSignal): Promise<ReadonlySet<string>> {
    const { view, directory } = this.#deps;
    const present = new Set(view.condemnedImages(MAX_CONDEMNED).map(({ id }) => id));
    const nodes = directory.nodes().filter(({ ready }) => ready);
    await this.#addHeld(nodes, present, closing);
    for (let after = ''; ; ) {
      const page = view.imagesAfter(after, IN_A_COMMIT);
      for (const { id } of page) present.add(fromImageKey(id).image);
      const last = page.at(-1);
      if (last === undefined) return present;
      after = last.id;
    }
  }

  /** Adds the images of nodes, in turns: together, they can be very many. */
  async #addHeld(nodes: readonly FleetNode[], to: Set<string>, closing: AbortSignal): Promise<void> {
    for (const { images } of nodes) {
      await this.#turn();
      if (closing.aborted) return;
      for (const image of images) to.add(image);
    }
  }

  /** The next batch does not wait for a pass: a node that removes images fast is asked as fast. */
  #askMore(id: NodeId): undefined {
    const { view, directory } = this.#deps;
    const node = directory.nodes().find((one) => one.id === id);
    if (node?.ready === true && this.#hasRemoved(id)) this.#askNode(node, view.condemnedImages(MAX_CONDEMNED));
  }

  /** Whether a node with more has removed most of what it was asked. It cannot remove what it uses. */
  #hasRemoved(id: NodeId): boolean {
    const images = this.#deps.fleet.stream(id)?.facts.images;
    const asked = this.#asked.get(id);
    return images !== undefined && asked !== undefined && asked.filter((image) => images.has(image)).length <= asked.length / 2;
  }

  #askedAll(id: NodeId): void {
    this.#next.delete(id);
    this.#asked.delete(id);
  }

  #askNode({ id, images, name }: FleetNode, condemned: readonly CondemnedImageRow[]): void {
    const { fleet, log } = this.#deps;
    const stream = fleet.stream(id);
    if (stream === undefined || !stream.facts.removesImages) return;
    const isLow = stream.facts.conditions.some(({ type }) => type === 'DiskLow');
    const asked: string[] = [];
    const next = this.#next.get(id);
    const from = next === undefined ? 0 : condemned.findIndex((row) => row.id === next);
    for (const row of from > 0 ? [...condemned.slice(from), ...condemned.slice(0, from)] : condemned) {
      if (asked.length === IN_A_PASS) {
        this.#next.set(id, row.id);
        this.#asked.set(id, asked);
        return;
      }
      // No turn of the event loop between the last look at what is needed and the request.
      if (!images.has(row.id) || !(isLow || this.#isDue(row)) || this.#isNeeded(row.id)) continue;
      asked.push(row.id);
      log.info('image.condemned', { image: row.id, node: name, disk_low: isLow });
      stream.send({ kind: 'removeImage', value: { image: row.id } });
    }
    this.#askedAll(id);
  }

  async #emptyRegistry(condemned: readonly CondemnedImageRow[], closing: AbortSignal): Promise<void> {
    const { view, registry, applier, log } = this.#deps;
    let left = IN_A_PASS;
    for (const [at, row] of condemned.entries()) {
      if (at % IN_A_TURN === 0) await this.#turn();
      if (closing.aborted || left === 0 || registry?.isUp !== true) return;
      const images = PLATFORMS.flatMap((platform) => view.get('images', imageKey(row.id, platform)) ?? []);
      if (images.length === 0 || !(this.#isDiskLow() || this.#isDue(row)) || this.#isNeeded(row.id)) continue;
      left -= 1;
      for (const image of images) {
        // Another image with the same content is still needed, or removes the manifest in its turn.
        const isKept = (digest: string) => view.hasTwin({ ...image, digest });
        const outcome = view.hasTwin(image) ? 'shared' : await registry.removeManifest(image.repository, image.digest, isKept);
        this.#removals.add(1, { outcome });
        log.info('registry.image_removed', { image: image.id, digest: image.digest, outcome });
        await applier.apply(forgetImage(image.id, image.digest));
      }
    }
  }

  /**
   * An absent node can have any image, and is asked when it returns. If that is waited for with so
   * many images that newer ones would never be removed, those are forgotten that are condemned again
   * when it returns.
   */
  async #forget(nodes: readonly FleetNode[], condemned: readonly CondemnedImageRow[], closing: AbortSignal): Promise<void> {
    const { view, applier } = this.#deps;
    const areAllThere = nodes.every(({ ready }) => ready);
    const isFull = condemned.length === MAX_CONDEMNED;
    const held = new Set<string>();
    await this.#addHeld(nodes, held, closing);
    const isGone = (row: CondemnedImageRow) =>
      this.#isDue(row) &&
      !held.has(row.id) &&
      platformsInRegistry(view, row.id).size === 0 &&
      (areAllThere || this.#ageMs(row) > FORGOTTEN_AFTER_MS || (isFull && isOwnImage(view, row.id)));
    for (let from = 0; from < condemned.length; from += IN_A_COMMIT) {
      await this.#turn();
      if (closing.aborted) return;
      const gone = condemned.slice(from, from + IN_A_COMMIT).filter(isGone);
      if (gone.length > 0) await applier.apply(forgetCondemned(gone.map(({ id }) => id)));
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => void this.#deps.clock.soon(resolve));
  }

  #isNeeded(image: string): boolean {
    return isImageNeeded(this.#deps.view, image, this.#deps.baseImage);
  }

  #isDue(row: CondemnedImageRow): boolean {
    return this.#ageMs(row) >= this.#graceMs;
  }

  #ageMs({ condemnedAt }: CondemnedImageRow): number {
    return this.#deps.applier.time.ageMs(condemnedAt);
  }

  #isDiskLow(): boolean {
    return this.#deps.rules?.isDiskLow?.() === true;
  }
}
