import type Docker from 'dockerode';
import { MAX_IMAGES } from '../../../../proto/frame-bounds.ts';
import { type Metrics, silentMetrics } from '../../../../seams/metrics.ts';
import type { BuildOutcome } from '../../build-engine.ts';
import type { ImagePlan, RemovalOutcome } from '../../driver.ts';
import { abortable, answerOf, type DockerClients, unless } from '../client.ts';
import type { Owner } from '../container.ts';
import type { BaseImage, DockerBaseImages } from './base-images.ts';
import { ImageUse } from './image-use.ts';
import { isMovingName, type MovingNames, namesOf } from './moving-names.ts';
import { runBuild } from './run-build.ts';

const tagsOf = ({ RepoTags }: Docker.ImageInfo) => (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>' && !isMovingName(tag));

/**
 * Returns the tags that the controller is told: all, or of very many images the base images and the
 * newest. A stream with more is refused, and then nothing would have this node remove any.
 */
export function listedTags(images: readonly Docker.ImageInfo[]): readonly string[] {
  const isBase = ({ Labels }: Docker.ImageInfo) => Number(Labels?.['raworc.image'] === 'base');
  const isBuilder = ({ Labels }: Docker.ImageInfo) => Labels?.['raworc.image'] === 'builder';
  const sorted = images.filter((image) => !isBuilder(image)).sort((a, b) => isBase(b) - isBase(a) || b.Created - a.Created);
  return sorted.flatMap(tagsOf).slice(0, MAX_IMAGES);
}

function baseImagesIn(image: Docker.ImageInfo): BaseImage[] {
  if (image.Labels?.['raworc.image'] !== 'base') return [];
  return tagsOf(image).map((tag) => ({ tag, id: image.Id, createdAtS: image.Created }));
}

export interface DockerImagesDeps {
  readonly clients: DockerClients;
  readonly owner: Owner;
  readonly baseImages?: DockerBaseImages | undefined;
  readonly movingNames?: MovingNames | undefined;
  readonly metrics?: Metrics | undefined;
  /** The control group of everything that this node runs; undefined if there is none. */
  cgroupParent(): string | undefined;
}

/** Raworc's images on this host. */
export class DockerImages {
  readonly #deps: DockerImagesDeps;
  readonly #use: ImageUse;

  constructor(deps: DockerImagesDeps) {
    this.#deps = deps;
    this.#use = new ImageUse(deps.metrics ?? silentMetrics);
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    const { clients, baseImages, movingNames } = this.#deps;
    const images = await abortable(signal, clients.calls.listImages({ filters: { label: ['raworc.managed=true'] } }));
    baseImages?.look(images.flatMap(baseImagesIn));
    movingNames?.look(images.flatMap(namesOf));
    this.#use.look(images);
    return listedTags(images);
  }

  async inspect(tag: string, signal: AbortSignal) {
    const image = await unless([404], abortable(signal, this.#deps.clients.calls.getImage(tag).inspect()));
    return image && { id: image.Id, labels: image.Config.Labels ?? {} };
  }

  build(plan: ImagePlan, signal: AbortSignal): Promise<BuildOutcome> {
    const { clusterId, nodeId } = this.#deps.owner;
    const labels = { ...plan.labels, 'raworc.cluster': clusterId, 'raworc.builder': nodeId };
    return runBuild(this.#deps, { ...plan, labels }, signal);
  }

  /**
   * Docker itself refuses an image with a container, also a stopped one. The layers below go too,
   * unless another image has them.
   */
  async remove(tag: string, signal: AbortSignal): Promise<RemovalOutcome> {
    const { clients, owner, baseImages } = this.#deps;
    const found = await this.inspect(tag, signal);
    if (found === undefined) return 'removed';
    const { 'raworc.image': kind, 'raworc.cluster': clusterId } = found.labels;
    const isRemovable = kind === 'base' ? (await baseImages?.has(tag)) !== true : clusterId === owner.clusterId;
    if (!isRemovable) return 'in-use';
    try {
      await abortable(signal, clients.streams.getImage(tag).remove());
      return 'removed';
    } catch (error) {
      const status = answerOf(error)?.status;
      if (status === 404) return 'removed';
      if (status === 409) return 'in-use';
      throw error;
    }
  }
}
