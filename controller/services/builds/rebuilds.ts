import type { Log } from '../../../seams/log.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { NodeId, SpaceId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { takesSpace } from '../../domain/sessions/placement.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { buildAssignment } from '../fleet/encode.ts';
import type { Fleet } from '../fleet/fleet.ts';

type Ended = { readonly imageId: string } | { readonly error: string };

export interface RebuildDeps {
  readonly view: View;
  readonly fleet: Fleet;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly metrics: Metrics;
  readonly log: Log;
}

/**
 * Builds images again that a node has lost, as to `docker image prune -a`. The row of the build stays as it is: the same agents, from
 * the same sources, go into an image of the same name. Nothing of this is stored, since a node asks again on its next stream.
 */
export class Rebuilds {
  readonly #deps: RebuildDeps;
  readonly #underWay = new Map<NodeId, Map<string, BuildRow>>();
  readonly #rebuilt: Counter<'outcome'>;

  constructor(deps: RebuildDeps) {
    this.#deps = deps;
    this.#rebuilt = deps.metrics.counter({
      name: 'image_rebuilds_total',
      help: 'Images that nodes had lost: built again, or why not',
      labels: ['outcome'],
    });
  }

  /** Has a node build an image again that one of its sessions needs, or tells the node that nothing can. */
  forSession(node: NodeId, spaceId: SpaceId, image: string): void {
    const build = this.#deps.view.buildOfImage(spaceId, image);
    if (build !== undefined) return this.#start(node, build);
    this.#gone(
      node,
      image,
      `The image ${image} is no longer on this node, and no build makes it. Bring it back, then recover the session.`,
    );
  }

  /**
   * Has a ready node build an image again that new sessions of a space start from and no ready node holds. False when the image is
   * there, is none of a build, or no node holds the base image.
   */
  forSpace(spaceId: SpaceId, image: string): boolean {
    const build = this.#deps.view.newestBuild(spaceId, 'completed');
    if (build?.image !== image) return false;
    const ready = this.#deps.directory.nodes().filter((node) => node.ready);
    if (ready.some(({ images }) => images.has(image))) return false;
    if (ready.some(({ id }) => this.#underWay.get(id)?.has(build.id))) return true;
    const node = ready.find((one) => one.images.has(build.baseImage) && takesSpace(one, spaceId));
    if (node === undefined) return false;
    this.#start(node.id, build);
    return true;
  }

  /** How many of these each node has. */
  *underWay(): Generator<readonly [NodeId, number]> {
    for (const [node, builds] of this.#underWay) yield [node, builds.size];
  }

  /** Whether a node was told to build again from this source. */
  mayFetch(node: NodeId, digest: string): boolean {
    return [...(this.#underWay.get(node)?.values() ?? [])].some(({ agents }) => agents.some((agent) => agent.digest === digest));
  }

  /** A node has ended a build. True when it was one of these. */
  ended(node: NodeId, buildId: string, outcome: Ended): boolean {
    const build = this.#underWay.get(node)?.get(buildId);
    if (build === undefined) return false;
    this.#underWay.get(node)?.delete(buildId);
    if ('error' in outcome) this.#gone(node, build.image, `The image ${build.image} is no longer on this node: ${outcome.error}`);
    else {
      this.#deps.fleet.stream(node)?.facts.addImage(build.image);
      this.#rebuilt.add(1, { outcome: 'built' });
      this.#deps.log.info('image.rebuilt', { build: buildId, node });
    }
    return true;
  }

  /** The stream of a node has ended: it asks again for what it needs. */
  forget(node: NodeId): void {
    this.#underWay.delete(node);
  }

  #start(node: NodeId, build: BuildRow): void {
    const builds = this.#underWay.get(node) ?? new Map<string, BuildRow>();
    this.#underWay.set(node, builds);
    if (builds.has(build.id)) return;
    builds.set(build.id, build);
    this.#deps.log.warn('image.lost', { build: build.id, image: build.image, node });
    this.#deps.fleet.stream(node)?.send(buildAssignment(this.#deps.view, build));
  }

  #gone(node: NodeId, image: string, reason: string): void {
    this.#rebuilt.add(1, { outcome: 'gone' });
    this.#deps.log.warn('image.gone', { image, node, reason });
    this.#deps.fleet.stream(node)?.send({ kind: 'imageGone', value: { image, reason } });
  }
}
