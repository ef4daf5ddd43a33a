import { type Command, unchanged } from '../../engine/command.ts';
import type { AccountId, SpaceId } from '../../engine/ids.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import type { SpaceRow } from '../../spaces/rows.ts';
import { ADMIN_ROLE_ID, BUILT_IN_ROLES } from '../built-in-roles.ts';

export interface FirstStart {
  readonly accountId: AccountId;
  readonly bindingId: string;
  readonly spaceId: SpaceId;
  readonly passwordHash: string;
  /** Of the space `default`. */
  readonly settings?: SpaceRow['settings'];
}

/**
 * Initializes a new store: the account `admin`, which is allowed everything, and the space
 * `default`.
 */
export function firstStart(input: FirstStart): Command<undefined> {
  return {
    name: 'first-start',
    decide({ view, now }) {
      const mutations: Mutation[] = BUILT_IN_ROLES.map((role) => put('roles', { ...role, builtIn: true, createdAt: now }));
      // Only a store without accounts gets them: deleted accounts stay deleted.
      if (!view.hasAccounts()) {
        const { accountId, passwordHash } = input;
        const account = { id: accountId, user: 'admin', passwordHash, description: null, active: true, version: 1 };
        mutations.push(put('accounts', { ...account, createdAt: now, updatedAt: now, lastLoginAt: null }));
        const principal = { principal: account.user, principalType: 'ServiceAccount', accountId } as const;
        const binding = { id: input.bindingId, roleId: ADMIN_ROLE_ID, ...principal, spaceId: null };
        mutations.push(put('bindings', { ...binding, createdAt: now, updatedAt: now }));
      }
      if (view.spaceByName('default') === undefined) {
        const space = {
          id: input.spaceId,
          name: 'default',
          description: null,
          settings: input.settings ?? {},
          secretsVersion: 0,
          active: true,
        };
        mutations.push(put('spaces', { ...space, createdAt: now, updatedAt: now, createdBy: 'raworc' }));
      }
      return { mutations, events: [], result: undefined };
    },
  };
}

export function recordLogin(id: AccountId): Command<undefined> {
  return {
    name: 'record-login',
    decide({ view, now }) {
      const row = view.get('accounts', id);
      if (row === undefined) return unchanged(undefined);
      return { mutations: [put('accounts', { ...row, lastLoginAt: now })], events: [], result: undefined };
    },
  };
}

/**
 * Sets the password of `admin` if the operator configured another one than before. Revokes older
 * tokens.
 */
export function resetAdminPassword(passwordHash: string): Command<undefined> {
  return {
    name: 'reset-admin-password',
    decide({ view, now }) {
      const row = view.accountByUser('admin');
      if (row === undefined) return unchanged(undefined);
      return {
        mutations: [put('accounts', { ...row, passwordHash, version: row.version + 1, updatedAt: now })],
        events: [],
        result: undefined,
      };
    },
  };
}
