import { recordLogin } from '../domain/commands/accounts.ts';
import type { AccountId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import { BUILT_IN_ROLES, Permissions } from '../domain/rbac.ts';
import type { AccountRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import type { Accounts, Caller } from './api.ts';
import type { Applier } from './applier.ts';

/** Passwords as they are kept and checked; slow by intent, and bounded in how many at once. */
export interface PasswordCheck {
  /** Checks against the hash of an unknown user too, in the same time. 429 while too many wait. */
  verify(password: string, hash: string | undefined): Promise<Outcome<boolean>>;
}

/** Slows guessing down: per account and per address. */
export interface LoginLimit {
  /** Undefined: go on. Else how long to wait, in milliseconds. */
  waitMs(user: string, address: string): number | undefined;
  failed(user: string, address: string): void;
  succeeded(user: string, address: string): void;
}

const WRONG = refused('UNAUTHORIZED', 'Wrong user or password.');

export function accountService(needs: {
  readonly applier: Applier;
  readonly view: View;
  readonly passwords: PasswordCheck;
  readonly limit: LoginLimit;
}): Accounts {
  const { applier, view, passwords, limit } = needs;
  const compiled = new Map<AccountId, Permissions>();
  applier.onCommitted(({ mutations }) => {
    const touched = mutations.some((mutation) => 'table' in mutation && (mutation.table === 'bindings' || mutation.table === 'accounts'));
    if (touched) compiled.clear();
  });

  function permissions(id: AccountId): Permissions {
    const known = compiled.get(id);
    if (known !== undefined) return known;
    const bindings = view.bindingsOf(id).flatMap(({ role, spaceId }) => {
      const found = BUILT_IN_ROLES.find(({ name }) => name === role);
      return found === undefined ? [] : [{ role: found, spaceId }];
    });
    const made = new Permissions(bindings);
    compiled.set(id, made);
    return made;
  }

  return {
    async login(user, password, address) {
      const waitMs = limit.waitMs(user, address);
      if (waitMs !== undefined) {
        const seconds = Math.max(1, Math.ceil(waitMs / 1000));
        return refused('RATE_LIMITED', `Too many failed logins: try again in ${seconds} s.`, { retry_after_s: seconds });
      }
      const account: AccountRow | undefined = view.accountByUser(user);
      const right = await passwords.verify(password, account?.passwordHash);
      if (!right.ok) return right;
      if (!right.value || account === undefined || !account.active) {
        limit.failed(user, address);
        return WRONG;
      }
      limit.succeeded(user, address);
      await applier.apply(recordLogin(account.id));
      return accepted({ accountId: account.id, user: account.user, version: account.version });
    },
    caller(accountId, version): Caller | undefined {
      const account = view.get('accounts', accountId);
      if (account === undefined || !account.active || account.version !== version) return undefined;
      return { accountId, user: account.user, permissions: permissions(accountId) };
    },
    me: (caller) => ({
      user: caller.user,
      id: caller.accountId,
      type: 'ServiceAccount',
      namespace: null,
      roles: caller.permissions.roleNames(),
    }),
  };
}
