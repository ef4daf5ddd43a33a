import type { AccountObject, ChangeAccount } from '../../../contract/access/service-accounts.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { AccountId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { accepted, type Outcome, refused } from '../../engine/outcome.ts';
import { type EventType, globalEvent } from '../../events/events.ts';
import { accountObject } from '../access-objects.ts';
import { isLastAdmin } from '../last-admin.ts';
import { LAST_ADMIN, NO_ACCOUNT } from '../refusals.ts';
import type { AccountRow } from '../rows.ts';
import { bindingRemoved } from './role-bindings.ts';

/** Creates an account. It has no permissions until a role is bound to it. */
export function createAccount(account: Pick<AccountRow, 'id' | 'user' | 'passwordHash' | 'description'>): Command<Outcome<AccountObject>> {
  return {
    name: 'create-account',
    grows: true,
    decide({ view, now }) {
      const { user } = account;
      if (view.accountByUser(user) !== undefined) return unchanged(refused('CONFLICT', `The service account "${user}" already exists.`));
      const row: AccountRow = { ...account, active: true, version: 1, createdAt: now, updatedAt: now, lastLoginAt: null };
      return { mutations: [put('accounts', row)], events: [eventOf('account.created', row)], result: accepted(accountObject(row)) };
    },
  };
}

/**
 * Changes an account. Deactivating it revokes all its tokens for good, and suspends its API keys
 * until it is active again.
 */
export function changeAccount(id: AccountId, change: Omit<ChangeAccount, 'space'>, by: AccountId): Command<Outcome<AccountObject>> {
  return {
    name: 'change-account',
    decide({ view, now }) {
      const before = view.get('accounts', id);
      if (before === undefined) return unchanged(NO_ACCOUNT);
      const ends = before.active && change.active === false;
      if (ends && id === by)
        return unchanged(refused('CONFLICT', 'You cannot deactivate your own account. Ask another administrator to do it.'));
      if (ends && isLastAdmin(view, id)) return unchanged(LAST_ADMIN);
      const { description = before.description, active = before.active } = change;
      const row = { ...before, description, active, version: before.version + (ends ? 1 : 0), updatedAt: now };
      return { mutations: [put('accounts', row)], events: [eventOf('account.updated', row)], result: accepted(accountObject(row)) };
    },
  };
}

/** Sets an account's password and revokes its existing tokens. */
export function setPassword(id: AccountId, passwordHash: string): Command<Outcome<undefined>> {
  return {
    name: 'set-password',
    decide({ view, now }) {
      const before = view.get('accounts', id);
      if (before === undefined) return unchanged(NO_ACCOUNT);
      const row = { ...before, passwordHash, version: before.version + 1, updatedAt: now };
      return { mutations: [put('accounts', row)], events: [eventOf('account.updated', row)], result: accepted(undefined) };
    },
  };
}

/**
 * Deletes an account with its role bindings and API keys. A later account of the same name has
 * another id and inherits nothing.
 */
export function removeAccount(id: AccountId, by: AccountId): Command<Outcome<undefined>> {
  return {
    name: 'remove-account',
    decide({ view }) {
      const row = view.get('accounts', id);
      if (row === undefined) return unchanged(NO_ACCOUNT);
      if (id === by) return unchanged(refused('CONFLICT', 'You cannot delete your own account. Ask another administrator to do it.'));
      if (isLastAdmin(view, id)) return unchanged(LAST_ADMIN);
      const bindings = view.bindingsOf(id);
      const mutations: Mutation[] = [
        ...bindings.map((binding): Mutation => ({ kind: 'remove', table: 'bindings', id: binding.id })),
        ...view.apiKeysOf(id).map((key): Mutation => ({ kind: 'remove', table: 'apiKeys', id: key.id })),
        { kind: 'remove', table: 'accounts', id },
      ];
      const events = [...bindings.map((binding) => bindingRemoved(view, binding)), eventOf('account.deleted', row)];
      return { mutations, events, result: accepted(undefined) };
    },
  };
}

const eventOf = (type: EventType, row: AccountRow) => globalEvent(type, { account: accountObject(row) });
