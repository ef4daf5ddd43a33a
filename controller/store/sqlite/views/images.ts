import type { ImageView } from '../../../domain/images/view.ts';
import type { Reads } from './reads.ts';

/** As in the index of sessions by image. */
const KEPT = `desired <> 'deleted'`;

export const imageView = ({ all, one, row }: Reads): ImageView => ({
  imagesAfter: (after, limit) => all('images', 'where id > ? order by id limit ?', after, limit),
  condemnedImages: (limit) => all('condemnedImages', 'order by condemned_at, id limit ?', limit),
  hasSessionOfImage: (image) => one('sessions', `where image = ? and ${KEPT} limit 1`, image) !== undefined,
  isBaseOfNeeded: (image) =>
    row(
      `select 1 from builds where base_image = ? and status <> 'failed' and (
         status in ('pending', 'building')
         or (status = 'completed' and (
           exists (select 1 from sessions where sessions.image = builds.image and ${KEPT})
           or not exists (select 1 from builds newer where newer.space_id = builds.space_id and newer.status = 'completed'
             and newer.created_at > builds.created_at)))) limit 1`,
      image,
    ) !== undefined,
  hasTwin: ({ id, repository, digest }) =>
    one('images', 'where digest = ? and repository = ? and id <> ?', digest, repository, id) !== undefined,
});
