/** Pages of sandboxes, found by an index of their space and time. */
import { type Kysely, sql } from 'kysely';
import type { SandboxQuery } from '../../../services/engine/lists.ts';
import type { Query } from '../reader/reader.ts';

/** Returns the query for the ids of a page. */
export function sandboxPage(compiler: Kysely<unknown>, query: SandboxQuery): Query {
  const { kind, spaceId, owner, states, startedAfter, template, name, sourceId, metadata = {}, after, order = 'desc', limit } = query;
  const direction = sql.raw(order);
  const beyond = sql.raw(order === 'desc' ? '<' : '>');
  const desired = states.flatMap((state) => (state === 'running' ? ['running'] : ['paused', 'suspended']));
  const conditions = [
    sql`b.space_id = ${spaceId}`,
    sql`b.kind = ${kind}`,
    sql`s.desired in (${sql.join(desired.length === 0 ? [''] : desired)})`,
    ...(owner === undefined ? [] : [sql`+s.created_by_id = ${owner}`]),
    ...(startedAfter === undefined ? [] : [sql`b.created_at >= ${startedAfter}`]),
    ...(template === undefined ? [] : [sql`b.template = ${template}`]),
    ...(name === undefined ? [] : [sql`b.name = ${name}`]),
    ...(sourceId === undefined ? [] : [sql`b.source_id = ${sourceId}`]),
    ...(after === undefined ? [] : [sql`(b.created_at, b.id) ${beyond} (${after.createdAt}, ${after.id})`]),
    ...Object.entries(metadata).map(
      ([key, value]) => sql`exists (select 1 from json_each(s.metadata) pair where pair.key = ${key} and pair.value = ${value})`,
    ),
  ];
  return sql`select b.id as id from sandboxes b cross join sessions s on s.id = b.id where ${sql.join(conditions, sql` and `)}
    order by b.created_at ${direction}, b.id ${direction} limit ${limit}`.compile(compiler);
}
