import type { AgentId } from '../../../domain/engine/ids.ts';
import type { SessionsWithLogs } from '../../../services/engine/lists.ts';
import type { Query } from '../reader/reader.ts';

/** Examines at most this many running sessions of a space, newest first. */
const MAX_EXAMINED = 1000;

/** Returns `limit` ids of the most recently active of them, each row with the `count` of all. */
export const sessionsWithLogs = ({ space, agent, agents, accountId, ownAgents }: SessionsWithLogs, limit: number): Query => ({
  sql: `
    with up as (
      select id, agents, last_activity_at, created_by_id from sessions
      where space_id = ? and desired <> 'deleted' and desired = 'running' and phase = 'running'
      order by created_at desc, id desc limit ${MAX_EXAMINED}
    ), found as (
      select id, last_activity_at from up
      where exists (
        select 1 from json_each(up.agents) as one
        where (? is null or one.value ->> '$.id' = ?)
          and ((? is null or one.value ->> '$.id' in (select value from json_each(?)))
            or (up.created_by_id = ? and (? is null or one.value ->> '$.id' in (select value from json_each(?)))))
      )
    )
    select id, count(*) over () as count from found order by coalesce(last_activity_at, 0) desc, id limit ?`,
  parameters: [space.id, ...twice(agent?.id ?? null), ...twice(idsIn(agents)), accountId, ...twice(idsIn(ownAgents)), limit],
});

const twice = <Value>(value: Value) => [value, value] as const;

/** Null for all. */
const idsIn = (agents: 'all' | ReadonlySet<AgentId>): string | null => (agents === 'all' ? null : JSON.stringify([...agents]));
