import { steps } from './steps.ts';

/** Lets a join token have several uses and labels. Until then each had one use, by a node and key. */
export const joinTokens = steps(
  'alter table nodes add column join_token text',
  `update nodes set join_token = (
     select id from node_tokens where used_by = nodes.id and used_key = nodes.key_hash order by used_at desc limit 1)`,
  'alter table node_tokens drop column used_by',
  'alter table node_tokens drop column used_key',
  'alter table node_tokens add column uses integer not null default 1',
  'alter table node_tokens add column used integer not null default 0',
  'update node_tokens set used = 1 where used_at is not null',
  `alter table node_tokens add column labels text not null default '{}'`,
  'alter table node_tokens add column revoked_at integer',
  'create index node_tokens_open on node_tokens (expires_at) where revoked_at is null and used < uses',
);
