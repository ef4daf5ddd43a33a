import { integer, type RowOf, text } from '../engine/fields.ts';

/** Images in the registry. A node without such an image pulls it by its digest. */
export const IMAGES = {
  /** The image's tag on nodes, with its platform: see `imageKey`. */
  id: text(),
  repository: text(),
  /** Of its manifest: `sha256:…`. */
  digest: text(),
  pushedAt: integer(),
};
export interface ImageRow extends RowOf<typeof IMAGES> {}

/** Images that nothing needs any more, and that are removed after a grace from nodes and registry. */
export const CONDEMNED_IMAGES = {
  /** The image's tag on nodes. */
  id: text(),
  condemnedAt: integer(),
};
export interface CondemnedImageRow extends RowOf<typeof CONDEMNED_IMAGES> {}
