import { steps } from './steps.ts';

export const first = steps(
  'create table meta (key text not null primary key, value text not null) strict, without rowid',

  `create table accounts (
     id text not null primary key, user text not null unique, password_hash text not null, description text,
     active integer not null, version integer not null, created_at integer not null, updated_at integer not null,
     last_login_at integer) strict, without rowid`,
  'create index accounts_created on accounts (created_at, id)',

  `create table roles (
     id text not null primary key, name text not null unique, description text, rules text not null, built_in integer not null,
     created_at integer not null) strict, without rowid`,
  'create index roles_created on roles (created_at, id)',

  `create table bindings (
     id text not null primary key, role_id text not null, principal text not null, principal_type text not null, account_id text,
     space_id text, created_at integer not null, updated_at integer not null) strict, without rowid`,
  'create index bindings_account on bindings (account_id)',
  'create index bindings_role on bindings (role_id)',
  'create index bindings_space on bindings (space_id, created_at, id)',
  'create index bindings_created on bindings (created_at, id)',

  `create table api_keys (
     id text not null primary key, account_id text not null, parent_id text, name text not null, key_hash text not null unique,
     rules text, expires_at integer, last_used_at integer, created_at integer not null) strict, without rowid`,
  'create index api_keys_account on api_keys (account_id, created_at, id)',

  'create table revoked_tokens (id text not null primary key, expires_at integer not null) strict, without rowid',
  'create index revoked_tokens_expiry on revoked_tokens (expires_at)',

  `create table spaces (
     id text not null primary key, name text not null unique, description text, settings text not null,
     secrets_version integer not null, active integer not null, created_at integer not null, updated_at integer not null,
     created_by text not null) strict, without rowid`,
  'create index spaces_created on spaces (created_at, id)',
  'create index spaces_active on spaces (active, created_at, id)',

  `create table secrets (
     id text not null primary key, space_id text not null, key_name text not null, description text, sealed text not null,
     key_id text not null, created_at integer not null, updated_at integer not null, created_by text not null) strict, without rowid`,
  'create unique index secrets_name on secrets (space_id, key_name)',
  'create index secrets_created on secrets (space_id, created_at, id)',
  'create index secrets_key on secrets (key_id)',

  `create table agents (
     id text not null primary key, space_id text not null, name text not null, description text, purpose text, source_repo text,
     source_branch text not null, wanted text not null, source_digest text, program text, source_at integer,
     source_bytes integer not null, source_files integer not null, created_at integer not null, updated_at integer not null,
     created_by text not null, created_by_id text not null) strict, without rowid`,
  'create unique index agents_name on agents (space_id, name)',
  'create index agents_created on agents (space_id, created_at, id)',
  'create index agents_source on agents (source_digest)',

  `create table builds (
     id text not null primary key, space_id text not null, status text not null, image text not null, image_id text,
     base_image text not null, agents text not null, unfetched text not null, node_id text, error text,
     created_at integer not null, completed_at integer, created_by text not null) strict, without rowid`,
  'create index builds_newest on builds (space_id, created_at)',
  `create index builds_open on builds (created_at) where status in ('pending','building')`,

  `create table sessions (
     id text not null primary key, name text, space_id text not null, desired text not null, generation integer not null,
     node_id text, placed_generation integer not null, restored_from integer, image text not null, build_id text,
     agents text not null, requests text not null, limits text not null, phase text not null,
     observed_generation integer not null, observed_order text, container_id text, volume text, grace_ms integer not null,
     has_run integer not null, reason text, last_seq integer not null, epoch_seq integer not null, outstanding integer not null,
     parent_id text, copy_from text, timeouts text not null, metadata text not null, created_by text not null,
     created_by_id text not null, created_at integer not null, updated_at integer not null, started_at integer,
     last_activity_at integer, terminated_at integer, termination_reason text) strict, without rowid`,
  `create index sessions_node on sessions (node_id) where desired <> 'deleted'`,
  // These indexes have the columns that lists filter by, to avoid reading rows that do not match,
  // but no column that every message changes, because each message would rewrite them.
  `create index sessions_created on sessions (created_at, id, desired, phase, created_by) where desired <> 'deleted'`,
  `create index sessions_space on sessions (space_id, created_at, id, desired, phase, created_by) where desired <> 'deleted'`,
  `create index sessions_owner on sessions (created_by_id, created_at, id, desired, phase, created_by, space_id) where desired <> 'deleted'`,
  `create index sessions_timeouts on sessions (id) where timeouts <> '{}' and desired <> 'deleted'`,
  `create index sessions_terminated on sessions (terminated_at) where desired = 'deleted'`,

  `create table messages (
     id text not null primary key, session_id text not null, seq integer not null, role text not null, content text not null,
     metadata text not null, agent text, refusal text, in_reply_to text unique, accepted_at integer, answered_at integer,
     created_by text not null, created_at integer not null) strict, without rowid`,
  'create unique index messages_seq on messages (session_id, seq)',
  `create index messages_unanswered on messages (session_id, seq) where role = 'user' and answered_at is null`,

  `create table runs (
     id text not null primary key, session_id text not null, message_id text not null, agent text not null,
     started_at integer not null, finished_at integer) strict, without rowid`,
  'create index runs_message on runs (message_id)',
  'create index runs_session on runs (session_id)',
  'create index runs_started on runs (started_at)',

  `create table tombstones (
     id text not null primary key, node_id text not null, up_to_generation integer not null, created_at integer not null) strict, without rowid`,
  'create index tombstones_node on tombstones (node_id)',

  `create table nodes (
     id text not null primary key, name text not null unique, incarnation integer not null, joined_at integer not null,
     driver text not null, version text not null, cpu_millis integer not null, memory_bytes integer not null,
     max_sessions integer not null, last_seen_at integer, unreachable_since integer, lost_at integer) strict, without rowid`,

  `create table node_tokens (
     id text not null primary key, secret_hash text not null, expires_at integer not null, used_at integer, used_by text,
     used_key text, created_by text not null, created_at integer not null) strict, without rowid`,
  'create index node_tokens_created on node_tokens (created_at)',

  `create table idempotency (
     id text not null primary key, body_hash text not null, made_id text not null, created_at integer not null) strict, without rowid`,
  'create index idempotency_created on idempotency (created_at)',

  `create table events (
     number integer not null primary key, type text not null, space_id text, session_id text, session_number integer,
     data text not null, at integer not null) strict, without rowid`,
  'create index events_session on events (session_id, session_number)',
  'create index events_at on events (at)',

  // Numbering of a session's events continues after the events are pruned.
  'create table session_event_counts (session_id text not null primary key, count integer not null) strict, without rowid',
);
