import { type RawBuilder, sql } from 'kysely';
import type { PageRequest } from '../../../contract/pages.ts';
import type { AuditQuery } from '../../../services/engine/lists.ts';
import { AUDIT_SELECTION } from '../audit.ts';

/**
 * Returns the queries for a page of the audit record and its total. Numbers grow with time, so a
 * time becomes a number: every filter keeps the order of its index, and nothing is sorted.
 */
export function auditPage(
  query: AuditQuery,
  page: PageRequest,
): { readonly rows: RawBuilder<unknown>; readonly total: RawBuilder<unknown> } {
  const where = sql.join([sql`true`, ...conditions(query)], sql` and `);
  const order = sql.raw(page.order ?? 'desc');
  return {
    rows: sql`select ${sql.raw(AUDIT_SELECTION)} from audit where number > 0 and ${where}
      order by number ${order} limit ${page.limit} offset ${page.offset}`,
    total: sql`select count(*) as count from audit where ${where}`,
  };
}

function conditions({ actor, actorId, action, kind, ref, space, spaceId, since, until }: AuditQuery): RawBuilder<unknown>[] {
  return [
    ...(actor === undefined ? [] : [sql`actor = ${actor}`]),
    ...(actorId === undefined ? [] : [sql`actor_id = ${actorId}`]),
    ...(action === undefined ? [] : [sql`action = ${action}`]),
    ...(kind === undefined ? [] : [sql`resource = ${kind}`]),
    ...(ref === undefined ? [] : ['id' in ref ? sql`resource_id = ${ref.id}` : sql`resource_name = ${ref.name}`]),
    ...(space === undefined ? [] : [sql`space = ${space}`]),
    ...(spaceId === undefined ? [] : [sql`space_id = ${spaceId}`]),
    ...(since === undefined
      ? []
      : [sql`number >= coalesce((select number from audit where at >= ${since} order by at, number limit 1), 9e15)`]),
    ...(until === undefined
      ? []
      : [sql`number <= coalesce((select number from audit where at <= ${until} order by at desc, number desc limit 1), 0)`]),
  ];
}
