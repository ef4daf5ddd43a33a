import type { Random } from '../../seams/random.ts';
import { accountObject } from '../domain/access-objects.ts';
import { changeAccount, createAccount, NO_ACCOUNT, removeAccount, setPassword } from '../domain/commands/service-accounts.ts';
import type { AccountId } from '../domain/ids.ts';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import { covers, type Verb } from '../domain/rbac.ts';
import type { AccountRow } from '../domain/rows.ts';
import type { View } from '../domain/view.ts';
import { forbidden, globally } from './access.ts';
import type { Caller, ChangePassword, ServiceAccounts } from './api.ts';
import type { Applier } from './applier.ts';
import type { Lists } from './lists.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';
import type { RightsInForce } from './rights.ts';

export interface ServiceAccountNeeds {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly rights: RightsInForce;
  readonly passwords: Passwords;
  readonly throttle: LoginThrottle;
}

export function serviceAccountService(needs: ServiceAccountNeeds): ServiceAccounts {
  const { applier, view, lists, random, passwords } = needs;

  const called = (id: string): AccountRow | undefined => view.get('accounts', id.toLowerCase()) ?? view.accountByUser(id);

  /** Accounts belong to no space, so whoever may not gets 403 whether or not there is such a one. */
  function accountFor(caller: Caller, id: string, verb: Verb): Outcome<AccountRow> {
    const row = called(id);
    const may = globally(caller, 'service-accounts', verb, ...namesOf(row, id));
    if (!may.ok) return may;
    return row === undefined ? NO_ACCOUNT : accepted(row);
  }

  return {
    async list(caller, page) {
      const may = globally(caller, 'service-accounts', 'list');
      if (!may.ok) return may;
      const found = await lists.rows('accounts', {}, page);
      return accepted({ items: found.items.map(accountObject), total: found.total });
    },
    async create(caller, { user, pass, description, space }) {
      const may = globally(caller, 'service-accounts', 'create', user);
      if (!may.ok) return may;
      if (!isSpaceOf(view, caller, space)) return NO_SPACE;
      if (view.accountByUser(user) !== undefined) return refused('CONFLICT', `There is a service account "${user}" already.`);
      const hash = await passwords.hash(pass);
      if (!hash.ok) return hash;
      const id = random.uuid() as AccountId;
      return applier.submit(createAccount({ id, user, passwordHash: hash.value, description: description ?? null }));
    },
    get(caller, id) {
      const row = accountFor(caller, id, 'get');
      return row.ok ? accepted(accountObject(row.value)) : row;
    },
    async update(caller, id, { space, ...change }) {
      const row = accountFor(caller, id, 'update');
      if (!row.ok) return row;
      if (space === undefined && Object.keys(change).length === 0) {
        return refused('BAD_REQUEST', 'Nothing is to change: send description or active.');
      }
      if (!isSpaceOf(view, caller, space)) return NO_SPACE;
      return applier.submit(changeAccount(row.value.id, change, caller.accountId));
    },
    async remove(caller, id) {
      const row = accountFor(caller, id, 'delete');
      return row.ok ? applier.submit(removeAccount(row.value.id, caller.accountId)) : row;
    },
    async changePassword(caller, id, change) {
      const row = called(id);
      const may = mayChangePassword(needs, caller, row, id, change);
      if (!may.ok) return may;
      if (row === undefined) return NO_ACCOUNT;
      const proved = await proveCurrent(needs, row, change);
      if (!proved.ok) return proved;
      const hash = await passwords.hash(change.new_password);
      return hash.ok ? applier.submit(setPassword(row.id, hash.value)) : hash;
    },
  };
}

const NO_SPACE = refused('NOT_FOUND', 'There is no such space.');

const namesOf = (row: AccountRow | undefined, id: string): readonly string[] => (row === undefined ? [id] : [row.user, row.id]);

function isSpaceOf(view: View, caller: Caller, name: string | undefined): boolean {
  if (name === undefined) return true;
  const space = view.spaceByName(name);
  return space !== undefined && caller.permissions.knows(space.id);
}

/** Their own for everybody who knows the current one; else with service-accounts:update, and of nobody who may do more. */
function mayChangePassword(
  { rights }: ServiceAccountNeeds,
  caller: Caller,
  row: AccountRow | undefined,
  id: string,
  change: ChangePassword,
) {
  const names = namesOf(row, id);
  const isOwn = row?.id === caller.accountId && caller.permissions.allowsOwn('service-accounts', 'update', ...names);
  const isAdmin = caller.permissions.allows('service-accounts', 'update', null, ...names);
  if (isOwn && !isAdmin && change.current_password === undefined) {
    return refused('UNPROCESSABLE_ENTITY', 'current_password: is missing', [{ path: 'current_password', problem: 'is missing' }]);
  }
  if (isOwn) return accepted(undefined);
  if (!isAdmin) return forbidden('service-accounts', 'update');
  if (row === undefined || covers(caller.permissions, rights.bindingsOf(row.id))) return accepted(undefined);
  return refused('FORBIDDEN', `"${row.user}" may do more than you: only somebody who may do as much sets that password.`);
}

/** A current password that is sent must be right, whoever sends it. Guessing is slowed as it is at the login. */
async function proveCurrent({ passwords, throttle }: ServiceAccountNeeds, row: AccountRow, { current_password: current }: ChangePassword) {
  if (current === undefined) return accepted(undefined);
  const place = 'password change';
  const admission = throttle.begin(row.user, `${place} of ${row.id}`);
  if (!admission.admitted) {
    const seconds = admission.retryAfterS;
    return refused('RATE_LIMITED', `Too many wrong passwords: try again in ${seconds} s.`, { retry_after_s: seconds });
  }
  const right = await passwords.verify(current, row.passwordHash);
  if (!right.ok) return right;
  if (!right.value) return refused('UNAUTHORIZED', 'The current password is another one.');
  throttle.succeeded(row.user, `${place} of ${row.id}`);
  return accepted(undefined);
}
