import { type RawBuilder, sql } from 'kysely';
import type { PageRequest } from '../../../contract/pages.ts';
import type { AuditQuery } from '../../../services/engine/lists.ts';
import { AUDIT_SELECTION, INDEXED, NOT_INDEXED } from '../audit.ts';
import { firstNumberParts } from '../sampled-times.ts';

type Condition = RawBuilder<unknown>;

/**
 * Returns the queries for a page of the audit record and its total. Numbers grow with time, so a
 * time becomes a number: every filter keeps the order of its index, and nothing is sorted but the
 * page.
 */
export function auditPage(
  query: AuditQuery,
  page: PageRequest,
): { readonly rows: RawBuilder<unknown>; readonly total: RawBuilder<unknown> } {
  const order = sql.raw(page.order ?? 'desc');
  const arms = armsOf(query).map((conditions) => sql.join(conditions, sql` and `));
  const reach = page.limit + page.offset;
  const heads = arms.map((where) => sql`select * from (select number from audit where ${where} order by number ${order} limit ${reach})`);
  const numbers = sql`select number from (${sql.join(heads, sql` union all `)}) order by number ${order} limit ${page.limit} offset ${page.offset}`;
  const counts = arms.map((where) => sql`(select count(*) from audit where ${where})`);
  return {
    rows: sql`select ${sql.raw(AUDIT_SELECTION)} from audit where number in (${numbers}) order by number ${order}`,
    total: sql`select ${sql.join(counts, sql` + `)} as count`,
  };
}

/** Parts of the query that share no records. */
function armsOf(query: AuditQuery): readonly (readonly Condition[])[] {
  const shared = [sql`number > 0`, ...conditions(query)];
  const { actor, action, space, ref } = query;
  const isNamed = ref !== undefined && 'name' in ref;
  // Names are in an index of all records, since few have one.
  if (isNamed || (actor === undefined && action === undefined && space === undefined && ref === undefined)) return [shared];
  return [INDEXED, NOT_INDEXED].map((part) => [...shared, sql.raw(part)]);
}

function conditions({ actor, actorId, action, kind, ref, space, spaceId, since, until }: AuditQuery): Condition[] {
  return [
    ...(actor === undefined ? [] : [sql`actor = ${actor}`]),
    ...(actorId === undefined ? [] : [sql`actor_id = ${actorId}`]),
    ...(action === undefined ? [] : [sql`action = ${action}`]),
    ...(kind === undefined ? [] : [sql`resource = ${kind}`]),
    ...(ref === undefined ? [] : ['id' in ref ? sql`resource_id = ${ref.id}` : sql`resource_name = ${ref.name}`]),
    ...(space === undefined ? [] : [sql`space = ${space}`]),
    ...(spaceId === undefined ? [] : [sql`space_id = ${spaceId}`]),
    ...(since === undefined ? [] : [sql`number >= coalesce(${firstNumber('>=', since)}, 9e15)`]),
    ...(until === undefined ? [] : [sql`number < coalesce(${firstNumber('>', until)}, 9e15)`]),
  ];
}

function firstNumber(from: '>=' | '>', at: number): Condition {
  const [start, middle, end] = firstNumberParts('audit', from);
  return sql`${sql.raw(start)}${at}${sql.raw(middle)}${at}${sql.raw(end)}`;
}
