/** What REST shows of accounts and of what they may do. */

import { rfc3339, rfc3339OrNull } from '../engine/time.ts';
import type { View } from '../engine/view.ts';
import type { AccountRow, ApiKeyRow, BindingRow, RoleRow, Rule } from './rows.ts';

export interface AccountObject {
  readonly id: string;
  readonly user: string;
  /** Accounts are global: bindings give them a space. */
  readonly space: null;
  readonly description: string | null;
  readonly active: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_login_at: string | null;
}

export interface RoleObject {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly rules: readonly Rule[];
  readonly created_at: string;
}

export interface BindingObject {
  readonly id: string;
  readonly role_name: string;
  /** The same as role_name. */
  readonly role_ref: string;
  readonly principal: string;
  /** The same as principal. */
  readonly subject: string;
  readonly principal_type: 'ServiceAccount' | 'User';
  readonly space: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface ApiKeyObject {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly Rule[] | null;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly created_at: string;
}

export const accountObject = (row: AccountRow): AccountObject => ({
  id: row.id,
  user: row.user,
  space: null,
  description: row.description,
  active: row.active,
  created_at: rfc3339(row.createdAt),
  updated_at: rfc3339(row.updatedAt),
  last_login_at: rfc3339OrNull(row.lastLoginAt),
});

export const roleObject = (row: RoleRow): RoleObject => ({
  id: row.id,
  name: row.name,
  description: row.description,
  rules: row.rules,
  created_at: rfc3339(row.createdAt),
});

/** Role and space go together with their bindings, so both are there. */
export function bindingObject(view: View, row: BindingRow): BindingObject {
  const role = view.get('roles', row.roleId)?.name ?? row.roleId;
  return {
    id: row.id,
    role_name: role,
    role_ref: role,
    principal: row.principal,
    subject: row.principal,
    principal_type: row.principalType,
    space: row.spaceId === null ? null : (view.get('spaces', row.spaceId)?.name ?? row.spaceId),
    created_at: rfc3339(row.createdAt),
    updated_at: rfc3339(row.updatedAt),
  };
}

export const apiKeyObject = (row: ApiKeyRow): ApiKeyObject => ({
  id: row.id,
  name: row.name,
  rules: row.rules,
  expires_at: rfc3339OrNull(row.expiresAt),
  last_used_at: rfc3339OrNull(row.lastUsedAt),
  created_at: rfc3339(row.createdAt),
});
