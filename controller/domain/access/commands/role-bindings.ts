import type { BindingObject } from '../../../contract/access/role-bindings.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import { type KnownRequest, recall, remember } from '../../engine/idempotency.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import type { RowView } from '../../engine/view.ts';
import { globalEvent, type NewEvent } from '../../events/events.ts';
import { NO_SPACE } from '../../spaces/refusals.ts';
import { bindingObject } from '../access-objects.ts';
import { isAdminBinding, isLastAdmin } from '../last-admin.ts';
import { LAST_ADMIN, NO_ACCOUNT, NO_BINDING, NO_ROLE } from '../refusals.ts';
import type { BindingRow } from '../rows.ts';

export type NewBinding = Omit<BindingRow, 'createdAt' | 'updatedAt'>;

/**
 * Binds a role to an account, in one space or in all. The caller's right to do so was checked
 * against the role's rules.
 */
export function createBinding(input: NewBinding, request?: KnownRequest): Command<Outcome<BindingObject>> {
  return {
    name: 'create-binding',
    grows: true,
    decide({ view, now }) {
      const recalled = recall(view, request, ['bindings', 'role binding'], (row) => bindingObject(view, row));
      if (recalled !== undefined) return unchanged(recalled);
      const missing = missingReference(view, input);
      if (missing !== undefined) return unchanged(missing);
      if (view.bindingsTo(input.roleId).some((other) => isTheSame(other, input))) {
        return unchanged(refused('CONFLICT', `"${input.principal}" already has this role there.`));
      }
      const row: BindingRow = { ...input, createdAt: now, updatedAt: now };
      const binding = bindingObject(view, row);
      return {
        mutations: [put('bindings', row), ...remember(request, row.id, now)],
        events: [globalEvent('role-binding.created', { role_binding: binding })],
        result: accepted(binding),
      };
    },
  };
}

/** Returns a refusal if the role, account or space was deleted after the request was checked. */
function missingReference(view: RowView, { roleId, accountId, spaceId }: NewBinding) {
  if (view.get('roles', roleId) === undefined) return NO_ROLE;
  if (accountId !== null && view.get('accounts', accountId) === undefined) return NO_ACCOUNT;
  if (spaceId !== null && view.get('spaces', spaceId) === undefined) return NO_SPACE;
  return undefined;
}

const isTheSame = (other: BindingRow, { accountId, principal, principalType, spaceId }: NewBinding): boolean =>
  other.spaceId === spaceId &&
  other.principalType === principalType &&
  (accountId === null ? other.principal === principal : other.accountId === accountId);

export function removeBinding(id: string): Command<Outcome<undefined>> {
  return {
    name: 'remove-binding',
    decide({ view }) {
      const row = view.get('bindings', id);
      if (row === undefined) return unchanged(NO_BINDING);
      if (row.accountId !== null && isAdminBinding(view, row) && isLastAdmin(view, row.accountId)) return unchanged(LAST_ADMIN);
      return {
        mutations: [{ kind: 'remove', table: 'bindings', id }],
        events: [bindingRemoved(view, row)],
        result: accepted(undefined),
      };
    },
  };
}

/** Belongs to no space: fewer callers can see who holds a space's roles than its sessions. */
export const bindingRemoved = (view: RowView, row: BindingRow): NewEvent =>
  globalEvent('role-binding.deleted', { role_binding: bindingObject(view, row) });
