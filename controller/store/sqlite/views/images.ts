import type { ImageView } from '../../../domain/images/view.ts';
import type { Reads } from './reads.ts';

/** As in the index of sessions by image. */
const KEPT = `desired <> 'deleted'`;
const OPEN = `status in ('pending','building')`;

/** Each image that a session has, once: goes from one to the next in the index. */
const IMAGES_IN_USE = `with recursive used(image) as (
  select min(image) from sessions where ${KEPT}
  union all
  select (select min(image) from sessions where ${KEPT} and image > used.image) from used where used.image is not null)
  select image from used where image is not null`;

export const imageView = ({ all, one, row }: Reads): ImageView => ({
  imagesAfter: (after, limit) => all('images', 'where id > ? order by id limit ?', after, limit),
  condemnedImages: (limit) => all('condemnedImages', 'order by condemned_at, id limit ?', limit),
  hasSessionOfImage: (image) => one('sessions', `where image = ? and ${KEPT} limit 1`, image) !== undefined,
  // Reads what is in use: a space can have very many old builds.
  isBaseOfNeeded: (image) =>
    row(
      `select 1 from builds where base_image = ? and ${OPEN}
       union all
       select 1 from spaces where ? = (select base_image from builds where space_id = spaces.id and status = 'completed'
         order by created_at desc limit 1)
       union all
       select 1 from (${IMAGES_IN_USE}) used join builds on builds.image = used.image and builds.base_image = ?
         and builds.status = 'completed'
       limit 1`,
      ...[image, image, image],
    ) !== undefined,
  hasTwin: ({ id, repository, digest }) =>
    one('images', 'where digest = ? and repository = ? and id <> ?', digest, repository, id) !== undefined,
});
