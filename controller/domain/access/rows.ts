import type { AccountId, SpaceId } from '../engine/ids.ts';

export interface AccountRow {
  readonly id: AccountId;
  readonly user: string;
  readonly passwordHash: string;
  readonly description: string | null;
  readonly active: boolean;
  /** In every token; raised by what ends older tokens. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastLoginAt: number | null;
}

/** A rule allows its verbs on its resources; `*` is a wildcard in each list, `resource_names` narrows it to things of these names. */
export interface Rule {
  readonly api_groups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resource_names?: readonly string[];
}

export interface RoleRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly rules: readonly Rule[];
  /** Kept as the program says at each start; it cannot be removed. */
  readonly builtIn: boolean;
  readonly createdAt: number;
}

export interface BindingRow {
  readonly id: string;
  readonly roleId: string;
  /** The account's name when it was bound, or the name of an identity from outside. */
  readonly principal: string;
  readonly principalType: 'ServiceAccount' | 'User';
  /** Null: an identity from outside. */
  readonly accountId: AccountId | null;
  /** Null: every space. */
  readonly spaceId: SpaceId | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ApiKeyRow {
  readonly id: string;
  readonly accountId: AccountId;
  /** The key that it was made with, and ends with; null: made with a login. */
  readonly parentId: string | null;
  readonly name: string;
  /** SHA-256 of the key, hex: the key itself is random and shown once. */
  readonly keyHash: string;
  /** Narrows its owner's rights; null: all of them. */
  readonly rules: readonly Rule[] | null;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly createdAt: number;
}

/** A token that was logged out before its time, kept until it would have expired. Its id is the token's `jti`. */
export interface RevokedTokenRow {
  readonly id: string;
  readonly expiresAt: number;
}
