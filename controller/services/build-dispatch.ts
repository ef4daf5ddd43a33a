import type { Log } from '../../seams/log.ts';
import { assignBuild, finishBuild } from '../domain/commands/advance-build.ts';
import type { BuildId, NodeId } from '../domain/ids.ts';
import type { BuildRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import type { Applier } from './applier.ts';
import type { Fleet } from './fleet/fleet.ts';
import { buildAssignment } from './fleet/frames.ts';

/**
 * Gives open builds to nodes. Level-triggered: whenever a build was queued or a node came, went or got an image, every open
 * build without a ready node is given to one that holds its base image, and a node that came back is told its builds again.
 * Building is idempotent, so telling twice is harmless.
 */
export class BuildDispatch {
  readonly #applier: Applier;
  readonly #view: View;
  readonly #fleet: Fleet;
  readonly #log: Log;

  constructor(options: { applier: Applier; view: View; fleet: Fleet; log: Log }) {
    this.#applier = options.applier;
    this.#view = options.view;
    this.#fleet = options.fleet;
    this.#log = options.log;
    this.#applier.onCommitted(({ mutations }) => {
      const queued = mutations.some((mutation) => mutation.kind === 'put' && mutation.table === 'builds' && mutation.row.nodeId === null);
      if (queued) this.#dispatch();
    });
    this.#fleet.listen({
      live: (node) => {
        for (const build of this.#view.openBuilds()) if (build.nodeId === node) this.#tell(build, node);
        this.#dispatch();
      },
      imagesChanged: () => this.#dispatch(),
      closed: () => this.#dispatch(),
      built: (node, report) => this.#finish(node, report),
    });
  }

  /** Whether a node has been told to build from this source. */
  mayFetch(node: NodeId, digest: string): boolean {
    return this.#view.openBuilds().some((build) => build.nodeId === node && build.agents.some((agent) => agent.digest === digest));
  }

  #dispatch(): void {
    for (const build of this.#view.openBuilds()) {
      if (build.nodeId !== null && this.#fleet.isConnected(build.nodeId)) continue;
      const node = this.#fleet.known().find(({ ready, images }) => ready && images.has(build.baseImage));
      if (node === undefined) continue;
      this.#applier.apply(assignBuild(build.id, node.id)).then(
        (given) => given !== undefined && this.#tell(given, node.id),
        () => undefined,
      );
    }
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
