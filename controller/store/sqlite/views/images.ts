import type { ImageView } from '../../../domain/images/view.ts';
import { IMAGES_IN_USE, KEPT, OPEN } from '../builds-in-use.ts';
import type { Reads } from './reads.ts';

export const imageView = ({ all, one, row }: Reads): ImageView => ({
  imagesAfter: (after, limit) => all('images', 'where id > ? order by id limit +?', after, limit),
  condemnedImages: (limit) => all('condemnedImages', 'order by condemned_at, id limit +?', limit),
  hasSessionOfImage: (image) =>
    one('sessions', `where image = ? and ${KEPT} limit 1`, image) !== undefined ||
    one('slots', 'where image = ? limit 1', image) !== undefined,
  workstationName: (image) => one('sessions', `where image = ? and ${KEPT} limit 1`, image)?.imageName ?? undefined,
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
