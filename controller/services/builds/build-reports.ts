import { type BuildOutcome, finishBuild, isOpen, recordStages, returnBuild } from '../../domain/builds/commands/advance-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildId, NodeId } from '../../domain/engine/ids.ts';
import type { Background } from '../engine/background.ts';
import type { NodeDirectory } from '../engine/node-directory.ts';
import type { BuildNews } from '../fleet/decode.ts';
import { cancelBuild } from '../fleet/encode.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { ImageDistribution } from '../images/image-distribution.ts';
import type { Rebuilds } from './rebuilds.ts';

export interface BuildReportDeps extends Pick<Background, 'applier' | 'view' | 'log'> {
  readonly fleet: Pick<Fleet, 'stream'>;
  readonly directory: Pick<NodeDirectory, 'nodes'>;
  readonly rebuilds: Rebuilds;
  readonly images?: Pick<ImageDistribution, 'built' | 'changed'> | undefined;
  /** A rebuild ended, so its node has room. */
  ended(): void;
}

/** Takes what nodes report about builds, which can come late, twice, or from a node that lost its build. */
export class BuildReports {
  readonly #deps: BuildReportDeps;

  constructor(deps: BuildReportDeps) {
    this.#deps = deps;
  }

  take(node: NodeId, news: BuildNews): void {
    const { applier, view, rebuilds } = this.#deps;
    const build = view.get('builds', news.buildId);
    const isOwn = isOpen(build) && build.nodeId === node;
    if (!news.ended) {
      if (isOwn) applier.tell(recordStages(build.id, node, news.stages));
      else if (!rebuilds.has(node, news.buildId)) this.#stop(node, news.buildId, build);
      return;
    }
    const lacksBase = 'error' in news && news.baseImageMissing === true;
    const refusedNow = 'error' in news && news.refusedNow === true;
    if (lacksBase && build !== undefined && (isOwn || rebuilds.has(node, news.buildId))) this.#lacksBase(node, build.baseImage);
    if (rebuilds.ended(node, news.buildId, news)) return this.#deps.ended();
    if (!isOwn) {
      if ('imageId' in news && build !== undefined && !isOpen(build)) this.#stop(node, build.id, build);
      return;
    }
    if (lacksBase || (refusedNow && this.#refuses(node))) applier.tell(returnBuild(build.id, node));
    else this.#finish(node, build.id, news);
  }

  /** Ends a build on a node that is no longer its own. A completed one is left to the collection of images. */
  #stop(node: NodeId, id: string, build: BuildRow | undefined): void {
    if (build?.status === 'completed') return;
    // Another node makes the same image, perhaps with the same engine.
    this.cancel(node, id, build === undefined || isOpen(build) ? '' : build.image);
  }

  /** Tells a node to end a build, and to remove its image. */
  cancel(node: NodeId, id: string, image: string): void {
    const stream = this.#deps.fleet.stream(node);
    if (stream?.facts.buildFeatures.has('cancel') !== true) return;
    this.#deps.log.info('build.cancelled', { build: id, node });
    stream.send(cancelBuild(id, image));
  }

  /** Whether the node said why it accepts no builds, so that none is assigned to it at once again. */
  #refuses(node: NodeId): boolean {
    return this.#deps.directory.nodes().some(({ id, unschedulable }) => id === node && unschedulable !== undefined);
  }

  /** The loss of the base image is newer than the node's list of images. */
  #lacksBase(node: NodeId, baseImage: string): void {
    this.#deps.log.warn('build.no_base_image', { node, image: baseImage });
    this.#deps.fleet.stream(node)?.facts.removeImage(baseImage);
    this.#deps.images?.changed(node);
  }

  #finish(node: NodeId, id: BuildId, outcome: BuildOutcome): void {
    this.#deps.applier.apply(finishBuild(id, node, outcome)).then(
      (build) => {
        if (build === undefined) return;
        this.#deps.log.info('build.finished', { build: build.id, status: build.status });
        if (build.status !== 'completed') return;
        this.#deps.fleet.stream(node)?.facts.addImage(build.image);
        this.#deps.images?.built(build);
      },
      () => undefined,
    );
  }
}
