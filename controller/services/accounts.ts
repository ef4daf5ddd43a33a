import { type Clock, pause } from '../../seams/clock.ts';
import { recordLogin } from '../domain/commands/accounts.ts';
import type { AccountId } from '../domain/ids.ts';
import { accepted, refused } from '../domain/outcome.ts';
import { Permissions } from '../domain/rbac.ts';
import type { AccountRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import type { Accounts, Caller } from './api.ts';
import type { Applier } from './applier.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';

const WRONG = refused('UNAUTHORIZED', 'Wrong user or password.');

export function accountService(needs: {
  readonly applier: Applier;
  readonly view: View;
  readonly passwords: Passwords;
  readonly throttle: LoginThrottle;
  readonly clock: Clock;
}): Accounts {
  const { applier, view, passwords, throttle, clock } = needs;
  const compiled = new Map<AccountId, Permissions>();
  applier.onCommitted(({ mutations }) => {
    const touched = mutations.some((mutation) => 'table' in mutation && (mutation.table === 'bindings' || mutation.table === 'accounts'));
    if (touched) compiled.clear();
  });

  function permissions(id: AccountId): Permissions {
    const known = compiled.get(id);
    if (known !== undefined) return known;
    const bindings = view.bindingsOf(id).flatMap(({ roleId, spaceId }) => {
      const role = view.get('roles', roleId);
      return role === undefined ? [] : [{ role, spaceId }];
    });
    const made = new Permissions(bindings);
    compiled.set(id, made);
    return made;
  }

  return {
    async login(user, password, address) {
      const admission = throttle.begin(user, address);
      if (!admission.admitted) {
        const seconds = admission.retryAfterS;
        return refused('RATE_LIMITED', `Too many failed logins: try again in ${seconds} s.`, { retry_after_s: seconds });
      }
      if (admission.delayMs > 0) await pause(clock, admission.delayMs);
      const account: AccountRow | undefined = view.accountByUser(user);
      const right = await passwords.verify(password, account?.passwordHash);
      if (!right.ok) return right;
      if (!right.value || account === undefined || !account.active) return WRONG;
      throttle.succeeded(user, address);
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
