import type { AccessView } from '../../../domain/access/view.ts';
import type { Reads } from './reads.ts';

export const accessView = ({ all, one }: Reads): AccessView => ({
  accountByUser: (user) => one('accounts', 'where user = ?', user),
  hasAccounts: () => one('accounts', 'limit 1') !== undefined,
  roleByName: (name) => one('roles', 'where name = ?', name),
  bindingsOf: (accountId) => all('bindings', 'where account_id = ?', accountId),
  bindingsTo: (roleId) => all('bindings', 'where role_id = ?', roleId),
  bindingsIn: (spaceId) => all('bindings', 'where space_id = ?', spaceId),
  apiKeyByHash: (keyHash) => one('apiKeys', 'where key_hash = ?', keyHash),
  apiKeysOf: (accountId) => all('apiKeys', 'where account_id = ? order by created_at, id', accountId),
  revokedTokens: () => all('revokedTokens', ''),
});
