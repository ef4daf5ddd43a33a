import type { RowView } from '../engine/view.ts';
import { ADMIN_ROLE_ID } from './built-in-roles.ts';
import type { BindingRow } from './rows.ts';
import type { AccessView } from './view.ts';

/** Returns whether no other active account has every permission. */
export function isLastAdmin(view: RowView & AccessView, accountId: string): boolean {
  const admins = view.bindingsTo(ADMIN_ROLE_ID).filter((binding) => isAdminBinding(view, binding));
  return admins.length > 0 && admins.every((binding) => binding.accountId === accountId);
}

/**
 * Returns whether the binding gives the role admin in every space to an account that can log in.
 */
export function isAdminBinding(view: RowView, { roleId, spaceId, accountId }: BindingRow): boolean {
  return roleId === ADMIN_ROLE_ID && spaceId === null && accountId !== null && view.get('accounts', accountId)?.active === true;
}
