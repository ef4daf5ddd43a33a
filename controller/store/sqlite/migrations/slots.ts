import { steps } from './steps.ts';

/** The condition must be written as in the query, so that SQLite uses the partial index. */
export const slots = steps(
  `create table slots (
     id text not null primary key, space_id text not null, node_id text not null, image text not null, profile text not null,
     image_name text, build_id text, agents text not null, requests text not null, limits text not null, phase text not null,
     observed_order text, container_id text, volume text, isolation text, created_at integer not null, phase_at integer not null)
   strict, without rowid`,
  'create index slots_of_space on slots (space_id, created_at)',
  'create index slots_of_image on slots (space_id, image, phase, created_at)',
  'create index slots_by_image on slots (image)',
  'create index slots_on_node on slots (node_id)',
  `create index spaces_with_slots on spaces (id) where json_extract(settings, '$.slots') is not null`,
);
