import type { BuildView } from '../../../domain/builds/view.ts';
import { KEPT, OPEN } from '../builds-in-use.ts';
import type { Reads } from './reads.ts';

/** Must be written as in the indexes, so that SQLite uses them. */
const COMPLETED = `status = 'completed'`;

export const buildView = ({ all, one, row }: Reads): BuildView => ({
  buildsIn: (spaceId) => all('builds', 'where space_id = ?', spaceId),
  newestBuild: (spaceId, status) =>
    one('builds', `where space_id = ? ${status === undefined ? '' : `and ${COMPLETED}`} order by created_at desc limit 1`, spaceId),
  openBuilds: (spaceId) => all('builds', `where space_id = ? and ${OPEN} order by created_at`, spaceId),
  // By the image, of which there is one: not by the space.
  buildOfImage: (spaceId, image) =>
    one('builds', `where +space_id = ? and image = ? and ${COMPLETED} order by created_at desc limit 1`, spaceId, image),
  assignedBuilds: (nodeId) =>
    nodeId === undefined
      ? all('builds', `where ${OPEN} and node_id > '' order by +created_at`)
      : all('builds', `where ${OPEN} and node_id = ? order by created_at`, nodeId),
  // Among the assigned builds, not among those of the space, of which very many can wait.
  hasAssignedBuild: (spaceId) =>
    row(`select 1 from builds where +space_id = ? and ${OPEN} and node_id > '' limit 1`, spaceId) !== undefined,
  waitingBuilds: (limit) =>
    all(
      'builds',
      `where ${OPEN} and node_id is null
         and not exists (select 1 from builds other where other.space_id = builds.space_id and other.${OPEN}
           and (other.node_id is not null or other.created_at < builds.created_at))
       order by created_at limit +?`,
      limit,
    ),
  unneededBuilds: (spaceId, keep, limit) =>
    all(
      'builds',
      `where space_id = ? and created_at < (select created_at from builds newer where newer.space_id = ?
           order by newer.created_at desc limit 1 offset ?)
         and not (${OPEN})
         and not exists (select 1 from sessions where sessions.image = builds.image and ${KEPT})
         and not exists (select 1 from condemned_images where condemned_images.id = builds.image)
         and not exists (select 1 from images where images.id = builds.image)
         and created_at is not (select created_at from builds newest where newest.space_id = ? and newest.${COMPLETED}
           order by newest.created_at desc limit 1)
       order by created_at limit +?`,
      ...[spaceId, spaceId, keep - 1, spaceId, limit],
    ),
});
