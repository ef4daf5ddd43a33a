import { steps } from './steps.ts';

export const portShares = steps(
  `create table port_shares (
     id text not null primary key, session_id text not null, space_id text not null, port integer not null, account_id text not null,
     key_id text, created_by text not null, created_at integer not null, public_until integer not null) strict, without rowid`,
  'create index port_shares_of_session on port_shares (session_id, port)',
);
