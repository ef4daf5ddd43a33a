import type { SpaceId } from '../../../domain/engine/ids.ts';
import type { SlotView } from '../../../domain/slots/view.ts';
import type { Reads } from './reads.ts';

export const slotView = ({ all, rows }: Reads): SlotView => ({
  slotsIn: (spaceId) => all('slots', 'where space_id = ? order by created_at, id', spaceId),
  readySlots: (spaceId, image, limit) =>
    all('slots', `where space_id = ? and image = ? and phase = 'running' order by created_at, id limit +?`, spaceId, image, limit),
  slotsOnAfter: (nodeId, after, limit) => all('slots', 'where node_id = ? and id > ? order by id limit +?', nodeId, after, limit),
  spacesWithSlots: (after, limit) =>
    rows<{ space_id: SpaceId }>('select distinct space_id from slots where space_id > ? order by space_id limit +?', after, limit).map(
      (row) => row.space_id,
    ),
});
