import { STRANGERS } from '../audit.ts';
import { steps } from './steps.ts';

/**
 * Filters by these columns use an index. Refusals have one too, because retention finds them by
 * number.
 */
export const auditTable = steps(
  `create table audit (
     number integer primary key not null, at integer not null, actor_type text not null, actor_id text, actor text, credential text,
     action text not null, resource text not null, resource_id text, resource_name text, space_id text, space text, address text,
     request_id text, outcome text not null, count integer not null) strict`,
  ...['at', 'actor', 'action', 'space', 'resource_id'].map((column) => `create index audit_${column} on audit (${column})`),
  'create index audit_resource_name on audit (resource_name) where resource_name is not null',
  `create index audit_refused on audit (number) where outcome <> 'ok'`,
);

/** Retention finds refusals of unknown callers by number too. */
export const strangersOfAudit = steps(`create index audit_strangers on audit (number) where ${STRANGERS}`);
