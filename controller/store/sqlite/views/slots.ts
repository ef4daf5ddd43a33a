import type { SpaceId } from '../../../domain/engine/ids.ts';
import type { SlotView } from '../../../domain/slots/view.ts';
import type { Reads } from './reads.ts';

export const slotView = ({ all, rows }: Reads): SlotView => ({
  slotsIn: (spaceId) => all('slots', 'where space_id = ? order by created_at, id', spaceId),
  readySlots: (spaceId, image, limit) =>
    all('slots', `where space_id = ? and image = ? and phase = 'running' order by created_at, id limit +?`, spaceId, image, limit),
  slotsOnAfter: (nodeId, after, limit) => all('slots', 'where node_id = ? and id > ? order by id limit +?', nodeId, after, limit),
  spacesWithSlots: (after, limit) =>
    rows<{ id: SpaceId }>(
      `select space_id as id from slots where space_id > ?
       union select id from spaces where id > ? and json_extract(settings, '$.slots') is not null order by 1 limit +?`,
      after,
      after,
      limit,
    ).map(({ id }) => id),
});
