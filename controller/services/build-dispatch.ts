import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import { type Metrics, silentMetrics } from '../../seams/metrics.ts';
import { nodeToBuildOn } from '../domain/build-node.ts';
import { assignBuild, finishBuild, giveUpBuild, isOpen } from '../domain/commands/advance-build.ts';
import type { FleetNode } from '../domain/fleet.ts';
import type { BuildId, NodeId, SpaceId } from '../domain/ids.ts';
import type { BuildRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import type { Applier } from './applier.ts';
import type { Capacity, KnownNode } from './capacity.ts';
import type { Fleet } from './fleet/fleet.ts';
import { buildAssignment } from './fleet/frames.ts';
import { Rebuilds } from './rebuilds.ts';

/** How long a build waits for a node that holds its base image, where other nodes are there. */
const NODE_COMES_WITHIN_MS = 20_000;

/** How long a build waits for others that are asked for at once, where it has sources to fetch. */
const GATHERED_WITHIN_MS = 200;

/**
 * Gives open builds to nodes, one after another of each space, so that what is asked for meanwhile gathers in the next one.
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
  readonly #nodes: () => readonly FleetNode[];
  /** Builds whose node is being committed. */
  readonly #assigning = new Map<BuildId, NodeId>();
  #recheck: { readonly timer: Timer; readonly atMs: number } | undefined;

  constructor(options: {
    applier: Applier;
    view: View;
    fleet: Fleet;
    /** With what is placed on them. */
    capacity: Pick<Capacity, 'nodes'>;
    clock: Clock;
    log: Log;
    metrics?: Metrics;
  }) {
    this.rebuilds = new Rebuilds({ ...options, metrics: options.metrics ?? silentMetrics });
    this.#applier = options.applier;
    this.#view = options.view;
    this.#fleet = options.fleet;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#nodes = () => options.capacity.nodes();
    this.#applier.onCommitted(({ mutations }) => {
      const due = mutations.some((one) => one.kind === 'put' && one.table === 'builds' && (one.row.nodeId === null || !isOpen(one.row)));
      if (due) this.#dispatch();
    });
    this.#fleet.listen({
      live: (node) => {
        for (const build of this.#view.openBuilds()) if (build.nodeId === node) this.#tell(build, node);
        this.#dispatch();
      },
      imagesChanged: (_node, lost) => {
        this.#dispatch();
        for (const image of lost) this.#rebuildForSpace(image);
      },
      imageMissing: (node, { spaceId, image }) => this.rebuilds.forSession(node, spaceId, image),
      closed: (node) => {
        this.rebuilds.forget(node);
        this.#dispatch();
      },
      built: (node, report) => {
        if (!this.rebuilds.ended(node, report.buildId, report)) this.#finish(node, report);
      },
      conditionsChanged: () => this.#dispatch(),
    });
  }

  /** Whether a node has been told to build from this source. */
  mayFetch(node: NodeId, digest: string): boolean {
    return (
      this.rebuilds.mayFetch(node, digest) ||
      this.#view.openBuilds().some((build) => build.nodeId === node && build.agents.some((agent) => agent.digest === digest))
    );
  }

  #dispatch(): void {
    const busy = new Set<SpaceId>();
    for (const build of this.#view.openBuilds()) {
      if (busy.has(build.spaceId)) continue;
      busy.add(build.spaceId);
      if (build.nodeId !== null && this.#fleet.isConnected(build.nodeId)) continue;
      if (build.unfetched.length > 0) {
        this.#unfetched(build);
        continue;
      }
      if (this.#assigning.has(build.id)) continue;
      const node = nodeToBuildOn(this.#nodes(), build, this.#underWay());
      if (node !== undefined) {
        this.#assign(build.id, node.id);
        continue;
      }
      const ready = this.#fleet.known().filter((known) => known.ready);
      if (ready.length > 0) this.#fruitless(build, ready);
    }
  }

  #assign(id: BuildId, node: NodeId): void {
    this.#assigning.set(id, node);
    const settled = (given?: BuildRow) => {
      this.#assigning.delete(id);
      if (!this.#fleet.isConnected(node)) this.#dispatch();
      else if (given !== undefined) this.#tell(given, node);
    };
    this.#applier.apply(assignBuild(id, node)).then(settled, () => settled());
  }

  /** How many builds each node has, with those that are being given to it. */
  #underWay(): ReadonlyMap<NodeId, number> {
    const counts = new Map<NodeId, number>();
    const nodes = [...this.#view.openBuilds().flatMap(({ nodeId }) => nodeId ?? []), ...this.#assigning.values()];
    for (const node of nodes) counts.set(node, (counts.get(node) ?? 0) + 1);
    return counts;
  }

  /** The tag of an image is the id of its build. */
  #rebuildForSpace(image: string): void {
    const build = this.#view.get('builds', image.slice(image.lastIndexOf(':') + 1));
    if (build?.image === image) this.rebuilds.forSpace(build.spaceId, image);
  }

  #unfetched(build: BuildRow): void {
    const waitMs = GATHERED_WITHIN_MS - this.#applier.time.ageMs(build.createdAt);
    if (waitMs > 0) return this.#recheckWithin(waitMs);
    const agents = build.unfetched.map(({ name, repo }) => `${name} (${repo})`).join(', ');
    const error = `Repositories cannot be fetched by this version: ${agents}. Upload each agent's directory (PUT …/source) and deploy it, or make it inactive.`;
    this.#log.warn('build.unfetched', { build: build.id });
    this.#applier.tell(giveUpBuild(build.id, error));
  }

  #recheckWithin(delayMs: number): void {
    const atMs = this.#clock.monotonic() + delayMs;
    if (this.#recheck !== undefined && this.#recheck.atMs <= atMs) return;
    this.#recheck?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#recheck = undefined;
      this.#dispatch();
    });
    this.#recheck = { timer, atMs };
  }

  /** Nodes are there, and none can take this build. Another may be on its way; when it has not come in time, the build says why. */
  #fruitless(build: BuildRow, ready: readonly KnownNode[]): void {
    const waitMs = NODE_COMES_WITHIN_MS - this.#applier.time.ageMs(build.createdAt);
    if (waitMs > 0) return this.#recheckWithin(waitMs);
    const closed = ready.filter(({ images }) => images.has(build.baseImage)).map(({ name, unschedulable }) => `${name}: ${unschedulable}`);
    const error =
      closed.length === 0
        ? `No connected node holds the base image ${build.baseImage}: bring it to one, then deploy again.`
        : `No node that holds the base image takes builds now. ${closed.join(' ')}`;
    this.#log.warn('build.fruitless', { build: build.id, image: build.baseImage });
    this.#applier.tell(giveUpBuild(build.id, error));
  }

  close(): void {
    this.#recheck?.timer.cancel();
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
        // The node will say so itself in a moment; a session made at once must not miss it.
        if (build.status === 'completed') this.#fleet.stream(node)?.images.add(build.image);
      },
      () => undefined,
    );
  }
}
