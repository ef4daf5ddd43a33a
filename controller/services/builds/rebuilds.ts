import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { BuildOutcome } from '../../domain/builds/commands/advance-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { takesSpace } from '../../domain/sessions/placement/filters.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { buildAssignment } from '../fleet/encode.ts';
import type { Fleet } from '../fleet/fleet.ts';

export interface BaseImages {
  /**
   * Takes over a rebuild that lacks its base image on the node. Returns false if nothing can bring
   * the base image there.
   */
  baseMissing(nodeId: NodeId, build: BuildRow): boolean;
}

export interface RebuildDeps {
  readonly view: View;
  readonly fleet: Fleet;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Undefined without a registry. */
  readonly images?: BaseImages | undefined;
}

/**
 * Rebuilds images that nodes have lost, for example to `docker image prune -a`: the same agents
 * from the same sources under the same name. The build's row does not change. Nothing is stored,
 * since a node asks again on its next stream.
 */
export class Rebuilds {
  readonly #deps: RebuildDeps;
  readonly #inProgress = new Map<NodeId, Map<string, BuildRow>>();
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
    if (this.#deps.view.get('images', image) !== undefined && ready.some(({ pulls }) => pulls)) return false;
    if (ready.some(({ id }) => this.#inProgress.get(id)?.has(build.id))) return true;
    const node = ready.find((one) => one.images.has(build.baseImage) && takesSpace(one, spaceId));
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
    if ('error' in outcome) {
      if (outcome.baseImageMissing !== true || this.#deps.images?.baseMissing(node, build) !== true)
        this.#gone(node, build.image, `The image ${build.image} is missing on this node: ${outcome.error}`);
    } else {
      this.#deps.fleet.stream(node)?.facts.addImage(build.image);
      this.#rebuilt.add(1, { outcome: 'built' });
      this.#deps.log.info('image.rebuilt', { build: buildId, node });
    }
    return true;
  }

  /** Repeats the rebuilds of a node on its new stream: a restarted node agent does not know them. */
  resend(node: NodeId): void {
    for (const build of this.#inProgress.get(node)?.values() ?? []) this.#send(node, build);
  }

  /** Drops the rebuilds of a node whose stream ended: it asks again for what it needs. */
  forget(node: NodeId): void {
    this.#inProgress.delete(node);
  }

  #start(node: NodeId, build: BuildRow): void {
    const builds = this.#inProgress.get(node) ?? new Map<string, BuildRow>();
    this.#inProgress.set(node, builds);
    if (builds.has(build.id)) return;
    builds.set(build.id, build);
    this.#deps.log.warn('image.lost', { build: build.id, image: build.image, node });
    this.#send(node, build);
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
