import type { SpaceId } from '../engine/ids.ts';
import type { AccountRow, ApiKeyRow, BindingRow, RevokedTokenRow, RoleRow } from './rows.ts';

/** Accounts and their permissions. */
export interface AccessView {
  accountByUser(user: string): AccountRow | undefined;
  hasAccounts(): boolean;
  roleByName(name: string): RoleRow | undefined;
  bindingsOf(accountId: string): readonly BindingRow[];
  bindingsTo(roleId: string): readonly BindingRow[];
  bindingsIn(spaceId: SpaceId): readonly BindingRow[];
  apiKeyByHash(keyHash: string): ApiKeyRow | undefined;
  apiKeysOf(accountId: string): readonly ApiKeyRow[];
  /** Returns all revoked tokens that have not expired yet. */
  revokedTokens(): readonly RevokedTokenRow[];
}
