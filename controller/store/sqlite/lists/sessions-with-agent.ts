import type { AgentId, SpaceId } from '../../../domain/engine/ids.ts';
import type { Query } from '../reader/reader.ts';

/** Examines at most this many running sessions of a space, newest first. */
const MAX_EXAMINED = 1000;

/**
 * Returns `limit` ids of the most recently active running sessions with that agent, each row with
 * the `count` of all.
 */
export const sessionsWithAgent = (space: SpaceId, agent: AgentId, limit: number): Query => ({
  sql: `
    with up as (
      select id, agents, last_activity_at from sessions
      where space_id = ? and desired <> 'deleted' and desired = 'running' and phase = 'running'
      order by created_at desc, id desc limit ${MAX_EXAMINED}
    ), found as (
      select id, last_activity_at from up
      where exists (select 1 from json_each(up.agents) as one where one.value ->> '$.id' = ?)
    )
    select id, count(*) over () as count from found order by coalesce(last_activity_at, 0) desc, id limit ?`,
  parameters: [space, agent, limit],
});
