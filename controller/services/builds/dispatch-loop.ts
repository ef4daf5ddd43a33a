import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import { nodeToBuildOn } from '../../domain/builds/build-node.ts';
import { assignBuild, finishBuild, giveUpBuild, isOpen } from '../../domain/builds/commands/advance-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { BuildId, NodeId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { takesSpace } from '../../domain/sessions/placement.ts';
import type { Applier } from '../engine/applier.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { buildAssignment } from '../fleet/encode.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { Rebuilds } from './rebuilds.ts';

/** How long a build waits for a node that holds its base image, where other nodes are there. */
const NODE_COMES_WITHIN_MS = 20_000;

/** How long a build waits for others that are asked for at once, where it has sources to fetch. */
const GATHERED_WITHIN_MS = 200;

/** All open builds are one key: each run weighs them against one another. */
const BUILDS = 'builds';

/** How many builds are made at once: by each node, and in all. */
export interface BuildBounds {
  readonly perNode: number;
  readonly inAll: number;
  /** A node that has not finished a build after this is not waited for. Node agents give up after ten minutes themselves. */
  readonly limitMs: number;
}
export const BUILD_BOUNDS: BuildBounds = { perNode: 2, inAll: 32, limitMs: 15 * 60_000 };

/** Waiting builds that are looked at in one go: those beyond wait for these to be given out, or given up. */
const LOOKED_AT = 256;

/**
 * Gives open builds to nodes, one after another of each space, so that what is asked for meanwhile gathers in the next one. Spaces take turns:
 * the oldest build of each waits in the order in which they were asked for, and a node makes few at once, so that no space waits behind all of another's.
 * Level-triggered: whenever a build was queued or ended, or a node came, went or got an image, every open build without a ready
 * node is given to the one with the least to do that holds its base image, and a node that reconnects gets its builds again. Building is idempotent,
 * so telling twice is harmless.
 */
export class BuildDispatch {
  /** Images that nodes have lost. */
  readonly rebuilds: Rebuilds;
  readonly #applier: Applier;
  readonly #view: View;
  readonly #fleet: Fleet;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #directory: Pick<NodeDirectory, 'nodes'>;
  readonly #bounds: BuildBounds;
  /** Builds whose node is being committed. */
  readonly #assigning = new Map<BuildId, NodeId>();
  /** Builds that connected nodes have, and since when by this process. */
  readonly #since = new Map<BuildId, number>();
  readonly #loop: Loop<typeof BUILDS>;

  constructor(options: {
    loops: Pick<Loops, 'open'>;
    applier: Applier;
    view: View;
    fleet: Fleet;
    directory: Pick<NodeDirectory, 'nodes'>;
    clock: Clock;
    log: Log;
    metrics?: Metrics;
    bounds?: BuildBounds | undefined;
  }) {
    this.#bounds = options.bounds ?? BUILD_BOUNDS;
    this.rebuilds = new Rebuilds({ ...options, metrics: options.metrics ?? silentMetrics });
    this.#applier = options.applier;
    this.#view = options.view;
    this.#fleet = options.fleet;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#directory = options.directory;
    this.#loop = options.loops.open({ name: 'builds', run: () => this.#dispatch() });
    this.#applier.onCommitted(({ mutations }) => {
      const due = mutations.some((one) => one.kind === 'put' && one.table === 'builds' && (one.row.nodeId === null || !isOpen(one.row)));
      if (due) this.#loop.wake(BUILDS);
    });
    this.#fleet.listen({
      live: (node) => {
        for (const build of this.#view.assignedBuilds(node)) this.#tell(build, node);
        this.#loop.wake(BUILDS);
      },
      imagesChanged: (_node, lost) => {
        this.#loop.wake(BUILDS);
        for (const image of lost) this.#rebuildForSpace(image);
      },
      imageMissing: (node, { spaceId, image }) => this.rebuilds.forSession(node, spaceId, image),
      closed: (node) => {
        this.rebuilds.forget(node);
        this.#loop.wake(BUILDS);
      },
      built: (node, report) => {
        if (this.rebuilds.ended(node, report.buildId, report)) return this.#loop.wake(BUILDS);
        const build = this.#view.get('builds', report.buildId);
        if (isOpen(build) && build.nodeId === node) this.#finish(node, report);
      },
      conditionsChanged: () => this.#loop.wake(BUILDS),
    });
  }

  /** Whether a node has been told to build from this source. */
  mayFetch(node: NodeId, digest: string): boolean {
    return (
      this.rebuilds.mayFetch(node, digest) ||
      this.#view.assignedBuilds(node).some((build) => build.agents.some((agent) => agent.digest === digest))
    );
  }

  #dispatch(): undefined {
    const assigned = this.#view.assignedBuilds();
    this.#endLate(assigned);
    const underWay = this.#underWay(assigned);
    let inAll = [...underWay.values()].reduce((sum, count) => sum + count, 0);
    // Those of a node that went away come first: they were asked for before.
    const due = [...assigned.filter(({ nodeId }) => !this.#isConnected(nodeId)), ...this.#view.waitingBuilds(LOOKED_AT)];
    for (const build of due) {
      if (build.unfetched.length > 0) {
        this.#unfetched(build);
        continue;
      }
      if (this.#assigning.has(build.id)) continue;
      const nodes = this.#directory.nodes();
      const { perNode } = this.#bounds;
      const node = inAll < this.#bounds.inAll ? nodeToBuildOn(nodes, build, underWay, perNode) : undefined;
      if (node !== undefined) {
        underWay.set(node.id, (underWay.get(node.id) ?? 0) + 1);
        inAll += 1;
        this.#assign(build.id, node.id);
        continue;
      }
      // Where some node could make it, it waits for that one to have less to do.
      if (nodeToBuildOn(nodes, build, underWay) !== undefined) continue;
      const ready = this.#directory.nodes().filter((known) => known.ready);
      if (ready.length > 0) this.#fruitless(build, ready);
    }
  }

  /** A node that keeps a build without end would keep its space from ever having another. */
  #endLate(assigned: readonly BuildRow[]): void {
    const now = this.#clock.monotonic();
    const withNodes = new Set(assigned.filter(({ nodeId }) => this.#isConnected(nodeId)).map(({ id }) => id));
    for (const id of [...this.#since.keys()]) if (!withNodes.has(id)) this.#since.delete(id);
    for (const id of withNodes) {
      const since = this.#since.get(id) ?? now;
      this.#since.set(id, since);
      const leftMs = since + this.#bounds.limitMs - now;
      if (leftMs > 0) {
        this.#loop.after(BUILDS, leftMs);
        continue;
      }
      this.#log.warn('build.late', { build: id });
      const minutes = Math.round(this.#bounds.limitMs / 60_000);
      this.#applier.tell(
        giveUpBuild(id, `Its node did not finish this build within ${minutes} minutes. Deploy again, or look at that node.`),
      );
    }
  }

  #isConnected(nodeId: NodeId | null): boolean {
    return nodeId !== null && this.#fleet.isConnected(nodeId);
  }

  #assign(id: BuildId, node: NodeId): void {
    this.#assigning.set(id, node);
    const settled = (given?: BuildRow) => {
      this.#assigning.delete(id);
      if (!this.#fleet.isConnected(node)) this.#loop.wake(BUILDS);
      else if (given !== undefined) this.#tell(given, node);
    };
    this.#applier.apply(assignBuild(id, node)).then(settled, () => settled());
  }

  /** How many builds each connected node has, with those that are being given to it and those that it makes again. */
  #underWay(assigned: readonly BuildRow[]): Map<NodeId, number> {
    const counts = new Map<NodeId, number>();
    const count = (node: NodeId, more: number) => counts.set(node, (counts.get(node) ?? 0) + more);
    for (const { nodeId } of assigned) if (nodeId !== null && this.#isConnected(nodeId)) count(nodeId, 1);
    for (const node of this.#assigning.values()) count(node, 1);
    for (const [node, again] of this.rebuilds.underWay()) count(node, again);
    return counts;
  }

  /** The tag of an image is the id of its build. */
  #rebuildForSpace(image: string): void {
    const build = this.#view.get('builds', image.slice(image.lastIndexOf(':') + 1));
    if (build?.image === image) this.rebuilds.forSpace(build.spaceId, image);
  }

  #unfetched(build: BuildRow): void {
    const waitMs = GATHERED_WITHIN_MS - this.#applier.time.ageMs(build.createdAt);
    if (waitMs > 0) return this.#loop.after(BUILDS, waitMs);
    const agents = build.unfetched.map(({ name, repo }) => `${name} (${repo})`).join(', ');
    const error = `Repositories cannot be fetched by this version: ${agents}. Upload each agent's directory (PUT …/source) and deploy it, or make it inactive.`;
    this.#log.warn('build.unfetched', { build: build.id });
    this.#applier.tell(giveUpBuild(build.id, error));
  }

  /** Nodes are there, and none can take this build. Another may be on its way; when it has not come in time, the build says why. */
  #fruitless(build: BuildRow, ready: readonly FleetNode[]): void {
    const waitMs = NODE_COMES_WITHIN_MS - this.#applier.time.ageMs(build.createdAt);
    if (waitMs > 0) return this.#loop.after(BUILDS, waitMs);
    const holders = ready.filter((one) => one.images.has(build.baseImage) && takesSpace(one, build.spaceId));
    const closed = holders.map(({ name, unschedulable }) => `${name}: ${unschedulable}`);
    const error =
      closed.length === 0
        ? `No connected node that takes this space holds the base image ${build.baseImage}: bring it to one, then deploy again.`
        : `No node that holds the base image takes builds now. ${closed.join(' ')}`;
    this.#log.warn('build.fruitless', { build: build.id, image: build.baseImage });
    this.#applier.tell(giveUpBuild(build.id, error));
  }

  #tell(build: BuildRow, node: NodeId): void {
    this.#log.info('build.assigned', { build: build.id, node });
    this.#fleet.stream(node)?.send(buildAssignment(this.#view, build));
  }

  #finish(node: NodeId, report: { buildId: string; imageId: string } | { buildId: string; error: string }): void {
    this.#applier.apply(finishBuild(report.buildId as BuildId, node, report)).then(
      (build) => {
        if (build === undefined) return;
        this.#log.info('build.finished', { build: build.id, status: build.status });
        if (build.status === 'completed') this.#fleet.stream(node)?.facts.addImage(build.image);
      },
      () => undefined,
    );
  }
}
