import { nodeToBuildOn } from '../../domain/builds/build-node.ts';
import { assignBuild, giveUpBuild, isOpen } from '../../domain/builds/commands/advance-build.ts';
import { featuresNeeded, lackedFeatures } from '../../domain/builds/needs.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { FleetNode } from '../../domain/engine/fleet.ts';
import type { BuildId, NodeId } from '../../domain/engine/ids.ts';
import { platformOf } from '../../domain/images/platforms.ts';
import { takesSpace } from '../../domain/sessions/placement/filters.ts';
import type { Background } from '../engine/background.ts';
import { type Loop, RETRY } from '../engine/loop.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import { buildAssignment } from '../fleet/encode.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { ImageDistribution } from '../images/image-distribution.ts';
import type { BuildLogs } from './build-logs.ts';
import { BuildReports } from './build-reports.ts';
import { Rebuilds } from './rebuilds.ts';
import { type CredentialSource, repositorySources } from './repository-sources.ts';

/** How long a build waits for a node with its base image while other nodes are ready. */
const NODE_WAIT_MS = 20_000;

/** How long a build with repositories waits for others requested at the same time. */
const GATHER_MS = 200;

/** All open builds share one key: each run compares them. */
const BUILDS = 'builds';

/** How many builds run at once, per node and in total. */
export interface BuildBounds {
  readonly perNode: number;
  readonly inAll: number;
  /** After this, a build fails. Node agents give up after ten minutes themselves. */
  readonly limitMs: number;
}
export const BUILD_BOUNDS: BuildBounds = { perNode: 2, inAll: 32, limitMs: 15 * 60_000 };

export interface DispatchDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'clock' | 'log' | 'metrics'> {
  readonly fleet: Fleet;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly bounds?: BuildBounds | undefined;
  /** Undefined: what nodes print is not kept. */
  readonly logs?: Pick<BuildLogs, 'ticket'> | undefined;
  /** Credentials of repositories. */
  readonly secrets: CredentialSource;
  /** Brings images to nodes. Undefined without a registry: images stay where they were built. */
  readonly images?: Pick<ImageDistribution, 'missing' | 'built' | 'changed' | 'baseMissing' | 'notRebuilt' | 'isObtainable'> | undefined;
}

/** Waiting builds considered per run. Later ones wait until these are assigned or failed. */
const MAX_CONSIDERED = 256;
const NO_NODE = 'No node is connected. It begins as soon as one is; ask an operator to start a node agent.';
/** Nodes that the log names as the reason why a build fails. */
const MAX_LOGGED = 5;

/**
 * Assigns open builds to nodes, one at a time per space, so that later requests share the next
 * build. Spaces take turns, oldest build first, and each node runs only a few builds, so that no
 * space waits behind all builds of another. Level-triggered: whenever a build is queued or ends, or
 * a node or its images change, every open build goes to the least busy node with its base image. A
 * reconnected node gets its builds again, which is safe because building is idempotent.
 */
export class BuildDispatch {
  /** Rebuilds of images that nodes have lost. */
  readonly rebuilds: Rebuilds;
  readonly #deps: DispatchDeps;
  readonly #reports: BuildReports;
  readonly #bounds: BuildBounds;
  /** Builds whose assignment is being committed. */
  readonly #assigning = new Map<BuildId, NodeId>();
  /** Why builds that are due wait. */
  readonly #waiting = new Map<BuildId, string>();
  /** Builds on connected nodes, and since when in this process. */
  readonly #since = new Map<BuildId, number>();
  readonly #loop: Loop<typeof BUILDS>;
  /** Repeats rebuilds that nodes refused, when nodes change or after a while. */
  readonly #retries: Loop<typeof BUILDS>;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
    this.#bounds = deps.bounds ?? BUILD_BOUNDS;
    const { limitMs } = this.#bounds;
    this.rebuilds = new Rebuilds({ ...deps, limitMs, postponed: () => this.#retries.after(BUILDS, NODE_WAIT_MS) });
    this.#reports = new BuildReports({ ...deps, rebuilds: this.rebuilds, ended: () => this.#loop.wake(BUILDS) });
    this.#loop = deps.loops.open({ name: 'builds', run: () => this.#dispatch() });
    this.#retries = deps.loops.open({ name: 'rebuilds', run: () => this.#retry() });
    this.#deps.applier.onCommitted(({ mutations }) => {
      const due = mutations.some(
        (one) =>
          one.kind === 'put' &&
          ((one.table === 'builds' && (one.row.nodeId === null || !isOpen(one.row))) ||
            (one.table === 'nodes' && one.row.cordonedAt === null)),
      );
      if (due) this.#loop.wake(BUILDS);
      for (const one of mutations)
        if (one.kind === 'put' && one.table === 'builds' && one.row.status === 'cancelled' && one.row.nodeId !== null)
          this.#reports.cancel(one.row.nodeId, one.row.id, one.row.image);
    });
    this.#deps.fleet.listen({
      live: (node) => {
        for (const build of this.#deps.view.assignedBuilds(node)) this.#tell(build, node);
        this.rebuilds.resend(node);
        this.#retries.wake(BUILDS);
        this.#loop.wake(BUILDS);
      },
      imagesChanged: (_node, lost) => {
        this.#loop.wake(BUILDS);
        for (const image of lost) this.#rebuildForSpace(image);
      },
      imageMissing: (node, { spaceId, image }) => {
        if (this.#deps.images?.missing(node, spaceId, image) !== true) this.rebuilds.forSession(node, spaceId, image);
      },
      closed: (node) => {
        this.rebuilds.forget(node);
        this.#loop.wake(BUILDS);
      },
      built: (node, news) => this.#reports.take(node, news),
      conditionsChanged: () => {
        this.#retries.wake(BUILDS);
        this.#loop.wake(BUILDS);
      },
    });
  }

  /** Returns why an open build has not begun, in words for its tenant. */
  waitingReason(build: BuildRow): string | null {
    if (!isOpen(build) || this.#isConnected(build.nodeId) || this.#assigning.has(build.id)) return null;
    const reason = this.#waiting.get(build.id);
    if (reason !== undefined) return reason;
    return this.#deps.view.hasAssignedBuild(build.spaceId) ? 'An earlier build of the space is in progress.' : null;
  }

  #retry(): number | undefined {
    const doWait = this.rebuilds.retry();
    return this.rebuilds.isRetrying ? 0 : doWait ? NODE_WAIT_MS : undefined;
  }

  /** Returns whether a node has a build that uses this source. */
  canFetch(node: NodeId, digest: string): boolean {
    return (
      this.rebuilds.canFetch(node, digest) ||
      this.#deps.view.assignedBuilds(node).some((build) => build.agents.some((agent) => agent.digest === digest))
    );
  }

  #dispatch(): undefined {
    const assigned = this.#deps.view.assignedBuilds();
    this.#endLate(assigned);
    const inProgress = this.#inProgress(assigned);
    let inAll = [...inProgress.values()].reduce((sum, count) => sum + count, 0);
    // Builds of disconnected nodes come first: they are older.
    this.#waiting.clear();
    const due = [...assigned.filter(({ nodeId }) => !this.#isConnected(nodeId)), ...this.#deps.view.waitingBuilds(MAX_CONSIDERED)];
    for (const build of due) {
      if (this.#assigning.has(build.id) || this.#gathers(build)) continue;
      const nodes = this.#deps.directory.nodes();
      const { perNode } = this.#bounds;
      const node = inAll < this.#bounds.inAll ? nodeToBuildOn(nodes, build, inProgress, perNode) : undefined;
      if (node !== undefined) {
        inProgress.set(node.id, (inProgress.get(node.id) ?? 0) + 1);
        inAll += 1;
        this.#assign(build.id, node.id);
        continue;
      }
      // It waits: some node can build it once it is less busy.
      if (nodeToBuildOn(nodes, build, inProgress) !== undefined) {
        this.#waiting.set(build.id, 'All nodes that can build it are busy with other builds.');
        continue;
      }
      const ready = nodes.filter((known) => known.ready);
      this.#waiting.set(build.id, ready.length === 0 ? NO_NODE : this.#obstacle(build, ready));
      if (ready.length > 0) this.#fruitless(build, ready);
    }
  }

  /** Fails builds past the limit: a stuck build would block all later ones of its space. */
  #endLate(assigned: readonly BuildRow[]): void {
    const now = this.#deps.clock.monotonic();
    const withNodes = new Map(assigned.filter(({ nodeId }) => this.#isConnected(nodeId)).map((build) => [build.id, build]));
    for (const id of [...this.#since.keys()]) if (!withNodes.has(id)) this.#since.delete(id);
    for (const [id, { nodeId, image }] of withNodes) {
      const since = this.#since.get(id) ?? now;
      this.#since.set(id, since);
      const leftMs = since + this.#bounds.limitMs - now;
      if (leftMs > 0) {
        this.#loop.after(BUILDS, leftMs);
        continue;
      }
      this.#deps.log.warn('build.late', { build: id });
      if (nodeId !== null) this.#reports.cancel(nodeId, id, image);
      const minutes = Math.round(this.#bounds.limitMs / 60_000);
      this.#deps.applier.tell(
        giveUpBuild(id, `The node did not finish this build within ${minutes} minutes. Check the node's log, then deploy again.`),
      );
    }
  }

  #isConnected(nodeId: NodeId | null): boolean {
    return nodeId !== null && this.#deps.fleet.isConnected(nodeId);
  }

  #assign(id: BuildId, node: NodeId): void {
    this.#assigning.set(id, node);
    const settled = (given?: BuildRow) => {
      this.#assigning.delete(id);
      if (!this.#deps.fleet.isConnected(node)) this.#loop.wake(BUILDS);
      else if (given !== undefined) this.#tell(given, node);
    };
    this.#deps.applier.apply(assignBuild(id, node)).then(settled, () => {
      settled();
      this.#loop.after(BUILDS, RETRY.firstMs);
    });
  }

  /**
   * Returns the number of builds per connected node, including pending assignments and rebuilds.
   */
  #inProgress(assigned: readonly BuildRow[]): Map<NodeId, number> {
    const counts = new Map<NodeId, number>();
    const count = (node: NodeId, more: number) => counts.set(node, (counts.get(node) ?? 0) + more);
    for (const { nodeId } of assigned) if (nodeId !== null && this.#isConnected(nodeId)) count(nodeId, 1);
    for (const node of this.#assigning.values()) count(node, 1);
    for (const [node, again] of this.rebuilds.inProgress()) count(node, again);
    return counts;
  }

  /** The tag of an image is the id of its build. */
  #rebuildForSpace(image: string): void {
    const build = this.#deps.view.get('builds', image.slice(image.lastIndexOf(':') + 1));
    if (build?.image === image) this.rebuilds.forSpace(build.spaceId, image);
  }

  #gathers({ unfetched, nodeId, createdAt }: BuildRow): boolean {
    const waitMs = GATHER_MS - this.#deps.applier.time.ageMs(createdAt);
    if (unfetched.length === 0 || nodeId !== null || waitMs <= 0) return false;
    this.#loop.after(BUILDS, waitMs);
    return true;
  }

  /**
   * Fails a build that no ready node can take, after some time for another node to connect. While
   * its base image can travel to a node, the build waits as long as it could run.
   */
  #fruitless(build: BuildRow, ready: readonly FleetNode[]): void {
    const isComing = ready.some(
      (one) =>
        this.#deps.images?.isObtainable(build.baseImage, platformOf(one)) === true &&
        one.pulls &&
        !one.cordoned &&
        one.unschedulable === undefined &&
        !one.images.has(build.baseImage) &&
        takesSpace(one, build.spaceId),
    );
    const waitMs = (isComing ? this.#bounds.limitMs : NODE_WAIT_MS) - this.#deps.applier.time.ageMs(build.createdAt);
    if (waitMs > 0) return this.#loop.after(BUILDS, Math.min(waitMs, NODE_WAIT_MS));
    const holders = this.#holders(build, ready);
    const error = `${this.#obstacle(build, ready)} ${ADVICE[holders.length === 0 ? 'image' : holders.some((one) => !isOld(one, build)) ? 'later' : 'upgrade']}`;
    const nodes = holders
      .slice(0, MAX_LOGGED)
      .map(({ name, cordoned, unschedulable }) => `${name}: ${cordoned ? 'cordoned' : unschedulable}`);
    this.#deps.log.warn('build.fruitless', { build: build.id, image: build.baseImage, holders: holders.length, nodes: nodes.join('; ') });
    this.#deps.applier.tell(giveUpBuild(build.id, error));
  }

  #holders(build: BuildRow, ready: readonly FleetNode[]): readonly FleetNode[] {
    return ready.filter((one) => one.images.has(build.baseImage) && takesSpace(one, build.spaceId));
  }

  /** Why no ready node can take a build. The tenant reads it, and cannot always list nodes. */
  #obstacle(build: BuildRow, ready: readonly FleetNode[]): string {
    const holders = this.#holders(build, ready);
    if (holders.length === 0) return `No connected node for this space has the base image ${build.baseImage}.`;
    if (holders.some((one) => !isOld(one, build))) return `No node with the base image ${build.baseImage} accepts builds now.`;
    return `The node agents with the base image ${build.baseImage} are of an older release, which cannot do what this build needs: ${featuresNeeded(build).join(', ')}.`;
  }

  #tell(build: BuildRow, node: NodeId): void {
    const { view, secrets, log, applier, fleet, logs } = this.#deps;
    const sources = repositorySources(view, secrets, build);
    if (!sources.ok) return applier.tell(giveUpBuild(build.id, sources.refusal.message));
    log.info('build.assigned', { build: build.id, node });
    const stream = fleet.stream(node);
    const logTicket = stream?.facts.buildFeatures.has('logs') === true ? (logs?.ticket(build, node) ?? '') : '';
    stream?.send(buildAssignment(view, build, { logTicket, repositories: [...sources.value] }));
  }
}

const isOld = ({ buildFeatures }: FleetNode, build: BuildRow): boolean => lackedFeatures(buildFeatures, build).length > 0;

const ADVICE = {
  image: 'Load the image on a node, then deploy again.',
  later: 'Deploy again later, or ask an operator why.',
  upgrade: 'Ask an operator to upgrade a node, then deploy again.',
} as const;
