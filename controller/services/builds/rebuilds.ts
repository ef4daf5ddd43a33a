import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import { nodeToBuildOn } from '../../domain/builds/build-node.ts';
import type { BuildOutcome } from '../../domain/builds/commands/advance-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { platformOf } from '../../domain/images/platforms.ts';
import { platformsInRegistry } from '../../domain/images/repository.ts';
import { takesSpace } from '../../domain/sessions/placement/filters.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { buildAssignment } from '../fleet/encode.ts';
import type { Fleet } from '../fleet/fleet.ts';

export interface RebuildImages {
  /** Brings an image to a node whose sessions wait for it. Returns false if the node cannot pull. */
  missing(nodeId: NodeId, spaceId: SpaceId, image: string): boolean;
  /**
   * Takes over a rebuild that lacks its base image on the node. Returns false if nothing can bring
   * the base image there.
   */
  baseMissing(nodeId: NodeId, build: BuildRow): boolean;
  /** A rebuild for a node failed. */
  notRebuilt(nodeId: NodeId, build: BuildRow): void;
}

export interface RebuildDeps {
  readonly view: View;
  readonly fleet: Fleet;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Pick<Clock, 'after'>;
  /** How long a node can take for one rebuild, before another node is asked. */
  readonly limitMs: number;
  /** Some rebuild waits until it is tried again. */
  postponed(): void;
  /** Has images of workstations made. Returns false for any other image. */
  readonly workstations?: { make(nodeId: NodeId, spaceId: SpaceId, image: string): boolean } | undefined;
  /** Undefined without a registry. */
  readonly images?: RebuildImages | undefined;
}

interface Postponed {
  readonly build: BuildRow;
  readonly reason: string;
}

/** Rebuilds that are tried again in one turn: each looks at all nodes. */
const RETRIED_AT_ONCE = 100;

/**
 * Rebuilds images that nodes have lost, for example to `docker image prune -a`: the same agents
 * from the same sources under the same name. The build's row does not change. Nothing is stored,
 * since a node asks again on its next stream.
 */
export class Rebuilds {
  readonly #deps: RebuildDeps;
  readonly #inProgress = new Map<NodeId, Map<string, BuildRow>>();
  /** Rebuilds that no node takes now, by the node that needs them, with the reason. */
  readonly #postponed = new Map<NodeId, Map<string, Postponed>>();
  /** Of those, which are still to be tried again. */
  readonly #toRetry: { readonly node: NodeId; readonly id: string }[] = [];
  /** Nodes for which another node rebuilds, by build. */
  readonly #needing = new Map<string, Set<NodeId>>();
  /** The ends of the times of those in progress. */
  readonly #limits = new Map<string, Timer>();
  /** The node on which a space's build last failed, or was late. */
  readonly #failedOn = new Map<SpaceId, NodeId>();
  readonly #rebuilt: Counter<'outcome'>;

  constructor(deps: RebuildDeps) {
    this.#deps = deps;
    this.#rebuilt = deps.metrics.counter({
      name: 'image_rebuilds_total',
      help: 'Lost images: rebuilt, or the reason why not',
      labels: ['outcome'],
    });
  }

  /** Rebuilds an image that a session on the node needs, or tells the node that nothing can. */
  forSession(node: NodeId, spaceId: SpaceId, image: string): void {
    const build = this.#deps.view.buildOfImage(spaceId, image);
    if (build !== undefined) return this.#start(node, build);
    if (this.#deps.workstations?.make(node, spaceId, image) === true) return;
    this.#gone(
      node,
      image,
      `The image ${image} is missing on this node, and no build can recreate it. Load it on the node, then recover the session.`,
    );
  }

  /**
   * Rebuilds the image for new sessions of a space on a ready node. Returns false if a ready node
   * has the image, no build creates it, or no node has the base image.
   */
  forSpace(spaceId: SpaceId, image: string): boolean {
    const build = this.#deps.view.newestBuild(spaceId, 'completed');
    if (build?.image !== image) return false;
    const ready = this.#deps.directory.nodes().filter((node) => node.ready);
    if (ready.some(({ images }) => images.has(image))) return false;
    const inRegistry = platformsInRegistry(this.#deps.view, image);
    if (ready.some((node) => node.pulls && inRegistry.has(platformOf(node)))) return false;
    if (ready.some(({ id }) => this.#inProgress.get(id)?.has(build.id))) return true;
    const able = ready.filter((one) => one.unschedulable === undefined && one.images.has(build.baseImage) && takesSpace(one, spaceId));
    const node = able.find(({ id }) => id !== this.#failedOn.get(spaceId)) ?? able[0];
    if (node === undefined) return false;
    this.#start(node.id, build);
    return true;
  }

  /** Yields the number of rebuilds per node. */
  *inProgress(): Generator<readonly [NodeId, number]> {
    for (const [node, builds] of this.#inProgress) yield [node, builds.size];
  }

  /** Returns whether a node has a rebuild that uses this source. */
  canFetch(node: NodeId, digest: string): boolean {
    return [...(this.#inProgress.get(node)?.values() ?? [])].some(({ agents }) => agents.some((agent) => agent.digest === digest));
  }

  has(node: NodeId, buildId: string): boolean {
    return this.#inProgress.get(node)?.has(buildId) === true;
  }

  /** Records the end of a build on a node. Returns true if it was a rebuild. */
  ended(node: NodeId, buildId: string, outcome: BuildOutcome): boolean {
    const build = this.#inProgress.get(node)?.get(buildId);
    if (build === undefined) return false;
    this.#inProgress.get(node)?.delete(buildId);
    this.#endLimit(node, buildId);
    if ('error' in outcome) this.#failedOn.set(build.spaceId, node);
    else this.#failedOn.delete(build.spaceId);
    if (!('error' in outcome)) this.#done(node, build);
    else if (outcome.refusedNow === true) {
      for (const needing of this.#takeNeeding(build, node)) this.#postpone(needing, build, outcome.error);
      this.#turnTo(node, build, outcome.error);
    } else if (outcome.baseImageMissing !== true || this.#deps.images?.baseMissing(node, build) !== true) {
      const reason = `The image ${build.image} is missing on this node: ${outcome.error}`;
      for (const needing of [node, ...this.#takeNeeding(build, node)]) {
        this.#gone(needing, build.image, reason);
        this.#deps.images?.notRebuilt(needing, build);
      }
    }
    return true;
  }

  /** Repeats the rebuilds of a node on its new stream: a restarted node agent does not know them. */
  resend(node: NodeId): void {
    for (const build of this.#inProgress.get(node)?.values() ?? []) this.#send(node, build);
  }

  /** Drops the rebuilds of a node whose stream ended: it asks again for what it needs. */
  forget(node: NodeId): void {
    const builds = [...(this.#inProgress.get(node)?.values() ?? [])];
    this.#inProgress.delete(node);
    for (const { id } of builds) this.#endLimit(node, id);
    this.#postponed.delete(node);
    for (const needing of this.#needing.values()) needing.delete(node);
    for (const build of builds)
      for (const needing of this.#takeNeeding(build, node)) this.#turnTo(needing, build, 'the node that rebuilt it disconnected');
  }

  /**
   * Tries again what nodes refused to rebuild, some of it at once. Returns whether some of it still
   * waits.
   */
  retry(): boolean {
    const nodes = this.#deps.directory.nodes();
    if (!this.isRetrying) for (const [node, builds] of this.#postponed) for (const id of builds.keys()) this.#toRetry.push({ node, id });
    for (const { node, id } of this.#toRetry.splice(0, RETRIED_AT_ONCE)) {
      const one = this.#takePostponed(node, id);
      if (one === undefined) continue;
      const known = nodes.find((each) => each.id === node);
      if (known?.ready === true && known.unschedulable === undefined) this.#start(node, one.build);
      else this.#turnTo(node, one.build, one.reason, nodes);
    }
    return this.#postponed.size > 0;
  }

  /** Whether `retry` left some for its next call, which is to follow soon. */
  get isRetrying(): boolean {
    return this.#toRetry.length > 0;
  }

  #takePostponed(node: NodeId, id: string): Postponed | undefined {
    const builds = this.#postponed.get(node);
    const one = builds?.get(id);
    builds?.delete(id);
    if (builds?.size === 0) this.#postponed.delete(node);
    return one;
  }

  #done(node: NodeId, build: BuildRow): void {
    const { fleet, log, images } = this.#deps;
    fleet.stream(node)?.facts.addImage(build.image);
    this.#rebuilt.add(1, { outcome: 'built' });
    log.info('image.rebuilt', { build: build.id, node });
    for (const needing of this.#takeNeeding(build, node)) images?.missing(needing, build.spaceId, build.image);
  }

  /** Has another node rebuild what a node cannot now, and otherwise waits. No session fails for it. */
  #turnTo(node: NodeId, build: BuildRow, reason: string, nodes = this.#deps.directory.nodes()): void {
    const { images, log } = this.#deps;
    const own = images && nodes.find(({ id, pulls }) => id === node && pulls === true);
    const others = own ? nodes.filter((one) => one.id !== node && one.pulls === true && platformOf(one) === platformOf(own)) : [];
    const other = nodeToBuildOn(others, build, new Map(this.inProgress()));
    if (other === undefined) return this.#postpone(node, build, reason);
    log.info('image.rebuilt_elsewhere', { build: build.id, node, other: other.name, reason });
    const needing = this.#needing.get(build.id) ?? new Set();
    this.#needing.set(build.id, needing.add(node));
    this.#start(other.id, build);
  }

  #postpone(node: NodeId, build: BuildRow, reason: string): void {
    const postponed = this.#postponed.get(node) ?? new Map<string, Postponed>();
    this.#postponed.set(node, postponed.set(build.id, { build, reason }));
    this.#rebuilt.add(1, { outcome: 'postponed' });
    this.#deps.postponed();
    this.#deps.log.debug('image.rebuild_postponed', { build: build.id, node, reason });
  }

  /** Returns the nodes, but for one, for which a build was repeated elsewhere. */
  #takeNeeding(build: BuildRow, except: NodeId): readonly NodeId[] {
    const needing = [...(this.#needing.get(build.id) ?? [])].filter((id) => id !== except);
    this.#needing.delete(build.id);
    return needing;
  }

  #start(node: NodeId, build: BuildRow): void {
    const builds = this.#inProgress.get(node) ?? new Map<string, BuildRow>();
    this.#inProgress.set(node, builds);
    if (builds.has(build.id)) return;
    builds.set(build.id, build);
    // A node builds only a few at once.
    const limit = this.#deps.clock.after(this.#deps.limitMs * builds.size, () => this.#late(node, build));
    this.#limits.set(`${node} ${build.id}`, limit);
    this.#deps.log.warn('image.lost', { build: build.id, image: build.image, node });
    this.#send(node, build);
  }

  /** Other nodes can wait for what a node accepted and never answers. */
  #late(node: NodeId, { id }: BuildRow): void {
    this.ended(node, id, { error: 'the node did not rebuild it in time', refusedNow: true });
  }

  #endLimit(node: NodeId, buildId: string): void {
    const key = `${node} ${buildId}`;
    this.#limits.get(key)?.cancel();
    this.#limits.delete(key);
  }

  #send(node: NodeId, build: BuildRow): void {
    this.#deps.fleet.stream(node)?.send(buildAssignment(this.#deps.view, build));
  }

  #gone(node: NodeId, image: string, reason: string): void {
    this.#rebuilt.add(1, { outcome: 'gone' });
    this.#deps.log.warn('image.gone', { image, node, reason });
    this.#deps.fleet.stream(node)?.send({ kind: 'imageGone', value: { image, reason } });
  }
}
