import type { SpaceId } from '../../../domain/engine/ids.ts';
import type { SessionView } from '../../../domain/sessions/view.ts';
import type { Reads } from './reads.ts';

export const sessionView = ({ all, one, rows, row }: Reads): SessionView => ({
  hasSessionIn: (spaceId) => one('sessions', `where space_id = ? and desired <> 'deleted' limit 1`, spaceId) !== undefined,
  sessionsOnAfter: (nodeId, after, limit) =>
    all('sessions', `where node_id = ? and desired <> 'deleted' and id > ? order by id limit +?`, nodeId, after, limit),
  statesOn: (nodeId, after, limit) =>
    rows(
      `select id, generation, phase from sessions where node_id = ? and desired <> 'deleted' and id > ? order by id limit +?`,
      nodeId,
      after,
      limit,
    ),
  sessionsOn: (nodeId) =>
    row<{ count: number }>(`select count(*) as count from sessions where node_id = ? and desired <> 'deleted'`, nodeId)?.count ?? 0,
  unfailedOn: (nodeId, limit) =>
    all('sessions', `where node_id = ? and desired <> 'deleted' and desired <> 'failed' limit +?`, nodeId, limit),
  drainableOn: (nodeId, busyToo, limit) =>
    all(
      'sessions',
      `where node_id = ? and (desired = 'paused' or desired = 'running' and (? or outstanding = 0)) order by id limit +?`,
      nodeId,
      busyToo ? 1 : 0,
      limit,
    ),
  unstoppedOn: (nodeId) =>
    rows(
      `select desired, phase, outstanding > 0 as outstanding, count(*) as count from sessions
       where node_id = ? and desired <> 'deleted' and not (desired = phase and desired in ('suspended', 'failed') and observed_generation = generation)
       group by 1, 2, 3`,
      nodeId,
    ),
  wakeWantedOn: (nodeId, limit) => all('sessions', 'where node_id = ? and wake_wanted = 1 order by id limit +?', nodeId, limit),
  tombstonesOf: (nodeId, after = '', limit = -1) =>
    all('tombstones', 'where node_id = ? and id > ? order by id limit +?', nodeId, after, limit),
  copiesUnderWay: (source, limit) =>
    rows(`select 1 from sessions where copy_from = ? and desired not in ('deleted', 'failed') limit +?`, source, limit).length,
  spacesOfSessionsBy: (accountId) =>
    rows<{ space_id: SpaceId }>(`select distinct space_id from sessions where created_by_id = ? and desired <> 'deleted'`, accountId).map(
      (row) => row.space_id,
    ),
  sessionsWithTimeouts: (after, limit) =>
    all('sessions', `where timeouts <> '{}' and desired <> 'deleted' and id > ? order by id limit +?`, after, limit),
});
