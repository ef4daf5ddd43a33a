import type Docker from 'dockerode';
import type { Metrics } from '../../../../seams/metrics.ts';

type Listed = Pick<Docker.ImageInfo, 'Size' | 'Labels'>;

/** How many images of Raworc a host has, and what they take. */
export class ImageUse {
  #images = 0;
  #bytes = 0;

  constructor(metrics: Metrics) {
    metrics.gauge({ name: 'node_images', help: 'Images of Raworc on this host', read: () => this.#images });
    metrics.gauge({ name: 'node_image_bytes', help: 'Estimated bytes of these images', read: () => this.#bytes });
  }

  look(images: readonly Listed[]): void {
    this.#images = images.length;
    this.#bytes = bytesOf(images);
  }
}

/**
 * Returns the bytes of images, where those of a space share the layers of the largest base image
 * that fits into them. An estimate: Docker computes shared sizes only by looking at every file.
 */
export function bytesOf(images: readonly Listed[]): number {
  const bases = images.filter(({ Labels }) => Labels?.['raworc.image'] === 'base').map(({ Size }) => Size);
  const own = images.map((image) => {
    if (image.Labels?.['raworc.image'] === 'base') return image.Size;
    return image.Size - Math.max(0, ...bases.filter((bytes) => bytes <= image.Size));
  });
  return own.reduce((sum, bytes) => sum + bytes, 0);
}
