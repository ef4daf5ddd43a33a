import type { CondemnedImageRow, ImageRow } from './rows.ts';

export interface ImageView {
  /** By id, after `after`. */
  imagesAfter(after: string, limit: number): readonly ImageRow[];
  /** Oldest first. */
  condemnedImages(limit: number): readonly CondemnedImageRow[];
  /** Returns whether a session that is not deleted starts from this image. */
  hasSessionOfImage(image: string): boolean;
  /** Returns the name from which an image of workstations is made; undefined if no session that is not deleted has it. */
  workstationName(image: string): string | undefined;
  /**
   * Returns whether an open build starts from this image, or a completed one that is the newest of
   * its space or has sessions: it can have to be repeated.
   */
  isBaseOfNeeded(image: string): boolean;
  /** Returns whether another image of the registry has the same manifest. */
  hasTwin(image: ImageRow): boolean;
}
