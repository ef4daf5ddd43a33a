import type { Rule } from '../../contract/roles.ts';
import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
import type { AccountId, SpaceId } from '../engine/ids.ts';

export const ACCOUNTS = {
  id: text<AccountId>(),
  user: text(),
  passwordHash: text(),
  description: text<string | null>(),
  active: flag(),
  /** In every token; raised by what ends older tokens. */
  version: integer(),
  createdAt: integer(),
  updatedAt: integer(),
  lastLoginAt: integer<number | null>(),
};
export interface AccountRow extends RowOf<typeof ACCOUNTS> {}

export const ROLES = {
  id: text(),
  name: text(),
  description: text<string | null>(),
  rules: json<readonly Rule[]>(),
  /** Kept as the program says at each start; it cannot be removed. */
  builtIn: flag(),
  createdAt: integer(),
};
export interface RoleRow extends RowOf<typeof ROLES> {}

export const BINDINGS = {
  id: text(),
  roleId: text(),
  /** The account's name when it was bound, or the name of an identity from outside. */
  principal: text(),
  principalType: text<'ServiceAccount' | 'User'>(),
  /** Null: an identity from outside. */
  accountId: text<AccountId | null>(),
  /** Null: every space. */
  spaceId: text<SpaceId | null>(),
  createdAt: integer(),
  updatedAt: integer(),
};
export interface BindingRow extends RowOf<typeof BINDINGS> {}

export const API_KEYS = {
  id: text(),
  accountId: text<AccountId>(),
  /** The key that it was made with, and ends with; null: made with a login. */
  parentId: text<string | null>(),
  name: text(),
  /** SHA-256 of the key, hex: the key itself is random and shown once. */
  keyHash: text(),
  /** Narrows its owner's rights; null: all of them. */
  rules: json<readonly Rule[] | null>(),
  expiresAt: integer<number | null>(),
  lastUsedAt: integer<number | null>(),
  createdAt: integer(),
};
export interface ApiKeyRow extends RowOf<typeof API_KEYS> {}

/** A token that was logged out before its time, kept until it would have expired. Its id is the token's `jti`. */
export const REVOKED_TOKENS = {
  id: text(),
  expiresAt: integer(),
};
export interface RevokedTokenRow extends RowOf<typeof REVOKED_TOKENS> {}
