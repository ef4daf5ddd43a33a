import { steps } from './steps.ts';

/**
 * Adds what operators set on a node. The table is rebuilt, because its names were unique even
 * across revoked nodes.
 */
export const managedNodes = steps(
  `create table managed_nodes (
     id text not null primary key, name text not null, incarnation integer not null, joined_at integer not null, key_hash text,
     revoked_at integer, driver text not null, version text not null, cpu_millis integer not null, memory_bytes integer not null,
     max_sessions integer not null, bounds text, last_seen_at integer, unreachable_since integer, lost_at integer,
     labels text not null, cordoned_at integer, drain text) strict, without rowid`,
  `insert into managed_nodes select id, name, incarnation, joined_at, key_hash, revoked_at, driver, version, cpu_millis, memory_bytes,
     max_sessions, bounds, last_seen_at, unreachable_since, lost_at, '{}', null, null from nodes`,
  'drop table nodes',
  'alter table managed_nodes rename to nodes',
  'create unique index nodes_name on nodes (name) where revoked_at is null',
  'create index nodes_key on nodes (key_hash) where revoked_at is null',
  'alter table sessions add column wake_wanted integer not null default 0',
  'create index sessions_wake_wanted on sessions (node_id, id) where wake_wanted = 1',
);
