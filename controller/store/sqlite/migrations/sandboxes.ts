import { steps } from './steps.ts';

/** What the API of E2B keeps beside sessions, and the spaces of its keys. */
export const sandboxes = steps(
  'alter table api_keys add column space_id text',
  `create table sandboxes (
     id text not null primary key, kind text not null, space_id text not null, name text, source_id text, template text not null,
     holders text not null, envs text not null, timeout_ms integer not null, timeout_at integer not null, generation integer not null,
     on_timeout text not null, auto_resume integer not null, created_at integer not null) strict, without rowid`,
  'create index sandboxes_newest on sandboxes (created_at, id)',
  'create index sandboxes_of_space on sandboxes (space_id, kind, created_at, id)',
);
