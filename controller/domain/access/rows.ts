import type { Rule } from '../../contract/access/roles.ts';
import { flag, integer, json, type RowOf, text } from '../engine/fields.ts';
import type { AccountId, SpaceId } from '../engine/ids.ts';

export const ACCOUNTS = {
  id: text<AccountId>(),
  user: text(),
  passwordHash: text(),
  description: text<string | null>(),
  active: flag(),
  /** Part of every token. Incremented to revoke older tokens. */
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
  /** Restored from the program at each start; cannot be deleted. */
  builtIn: flag(),
  createdAt: integer(),
};
export interface RoleRow extends RowOf<typeof ROLES> {}

export const BINDINGS = {
  id: text(),
  roleId: text(),
  /** The account's name when it was bound, or the name of an external identity. */
  principal: text(),
  principalType: text<'ServiceAccount' | 'User'>(),
  /** Null: an external identity. */
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
  /**
   * The API key that created this one, and whose deletion deletes it; null: created with a login.
   */
  parentId: text<string | null>(),
  name: text(),
  /** SHA-256 of the key, in hex: the key itself is random and shown once. */
  keyHash: text(),
  /** Limits the key to these of the owner's rights; null keeps all of them. */
  rules: json<readonly Rule[] | null>(),
  /** The space of the sandboxes made with this key through the API of E2B. Null: `default`. */
  spaceId: text<SpaceId | null>(),
  expiresAt: integer<number | null>(),
  lastUsedAt: integer<number | null>(),
  createdAt: integer(),
};
export interface ApiKeyRow extends RowOf<typeof API_KEYS> {}

/**
 * A token that was revoked by a logout, kept until it would have expired. Its id is the token's
 * `jti`.
 */
export const REVOKED_TOKENS = {
  id: text(),
  expiresAt: integer(),
};
export interface RevokedTokenRow extends RowOf<typeof REVOKED_TOKENS> {}
