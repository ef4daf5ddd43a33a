import type { ApiKeyObject } from '../../contract/access/api-keys.ts';
import type { BindingObject } from '../../contract/access/role-bindings.ts';
import type { RoleObject } from '../../contract/access/roles.ts';
import type { AccountObject } from '../../contract/access/service-accounts.ts';
import { rfc3339, rfc3339OrNull } from '../engine/time.ts';
import type { RowView } from '../engine/view.ts';
import { spaceName } from '../spaces/space-objects.ts';
import type { AccountRow, ApiKeyRow, BindingRow, RoleRow } from './rows.ts';

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

export function bindingObject(view: RowView, row: BindingRow): BindingObject {
  const role = view.get('roles', row.roleId)?.name ?? row.roleId;
  return {
    id: row.id,
    role_name: role,
    role_ref: role,
    principal: row.principal,
    subject: row.principal,
    principal_type: row.principalType,
    space: row.spaceId === null ? null : spaceName(view, row.spaceId),
    created_at: rfc3339(row.createdAt),
    updated_at: rfc3339(row.updatedAt),
  };
}

export const apiKeyObject = (view: RowView, row: ApiKeyRow): ApiKeyObject => ({
  id: row.id,
  name: row.name,
  rules: row.rules,
  space: row.spaceId === null ? null : spaceName(view, row.spaceId),
  expires_at: rfc3339OrNull(row.expiresAt),
  last_used_at: rfc3339OrNull(row.lastUsedAt),
  created_at: rfc3339(row.createdAt),
});
