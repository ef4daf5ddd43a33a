import type { Random } from '../../../seams/random.ts';
import type { Verb } from '../../contract/access/roles.ts';
import type { ChangeAccount, ChangePassword, CreateAccount } from '../../contract/access/service-accounts.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { accountObject } from '../../domain/access/access-objects.ts';
import { changeAccount, createAccount, removeAccount, setPassword } from '../../domain/access/commands/accounts.ts';
import { covers } from '../../domain/access/rbac.ts';
import { NO_ACCOUNT } from '../../domain/access/refusals.ts';
import type { AccountRow } from '../../domain/access/rows.ts';
import type { AccountId, SpaceId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { NO_SPACE } from '../../domain/spaces/refusals.ts';
import type { Applier } from '../engine/applier.ts';
import type { Lists } from '../engine/lists.ts';
import { checkGlobal, forbidden, refreshed } from './access.ts';
import type { Caller } from './caller.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';
import type { RightsCache } from './rights.ts';

export type ServiceAccounts = ReturnType<typeof serviceAccountService>;

export interface ServiceAccountDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly random: Random;
  readonly rights: RightsCache;
  readonly passwords: Passwords;
  readonly throttle: LoginThrottle;
}

/**
 * Looks up by id first, then by user name: an account cannot shadow another by taking its id as
 * name.
 */
export const findAccount = (view: View, id: string): AccountRow | undefined =>
  view.get('accounts', id.toLowerCase()) ?? view.accountByUser(id);

/** In every method, `id` is an id or a user name. */
export function serviceAccountService(deps: ServiceAccountDeps) {
  const { applier, view, lists, random, rights, passwords } = deps;

  /**
   * Accounts belong to no space: without the permission the answer is 403, whether or not one
   * exists.
   */
  function accountFor(caller: Caller, id: string, verb: Verb): Outcome<AccountRow> {
    const row = findAccount(view, id);
    const may = checkGlobal(caller, 'service-accounts', verb, ...namesOf(row, id));
    if (!may.ok) return may;
    return row === undefined ? NO_ACCOUNT : accepted(row);
  }

  /** Like accountFor, but refuses accounts with more permissions than the caller. */
  function subordinateFor(caller: Caller, id: string, verb: Verb): Outcome<AccountRow> {
    const row = accountFor(caller, id, verb);
    if (!row.ok || covers(caller.permissions, rights.bindingsOf(row.value.id))) return row;
    return refused(
      'FORBIDDEN',
      `"${row.value.user}" has more permissions than your credentials. Only an account with at least the same permissions can change it.`,
    );
  }

  /**
   * Returns the account whose password the caller can set: its own, or another with
   * service-accounts:update. Refuses accounts with more permissions than the caller, because
   * knowing a password means being able to log in. This also stops an API key from setting the
   * password of its more powerful owner.
   */
  function passwordFor(caller: Caller, id: string, change: ChangePassword): Outcome<AccountRow> {
    const row = findAccount(view, id);
    const names = namesOf(row, id);
    const isOwn = row?.id === caller.accountId && caller.permissions.allowsOwn('service-accounts', 'update', ...names);
    const isAdmin = caller.permissions.allows('service-accounts', 'update', null, ...names);
    if (!isOwn && !isAdmin) return forbidden('service-accounts', 'update');
    if (row === undefined) return NO_ACCOUNT;
    if (!canActAs(deps, caller, row)) {
      return refused(
        'FORBIDDEN',
        `"${row.user}" has more permissions than your credentials. Only an account with at least the same permissions can set its password.`,
      );
    }
    if (isAdmin || change.current_password !== undefined) return accepted(row);
    return refused('UNPROCESSABLE_ENTITY', 'current_password: is missing', [{ path: 'current_password', problem: 'is missing' }]);
  }

  /**
   * Returns the caller, invalidated as soon as the rights of the account change: the account could
   * have gained permissions before the command is decided.
   */
  function boundToRights(caller: Caller, { id }: AccountRow): Caller {
    const bindings = rights.bindingsOf(id);
    const { isCurrent = () => true } = caller;
    return { ...caller, isCurrent: () => isCurrent() && rights.bindingsOf(id) === bindings };
  }

  return {
    async list(caller: Caller, page: PageRequest) {
      const may = checkGlobal(caller, 'service-accounts', 'list');
      if (!may.ok) return may;
      const found = await lists.rows('accounts', {}, page);
      return accepted({ items: found.items.map(accountObject), total: found.total });
    },
    async create(caller: Caller, { user, pass, description, space }: CreateAccount) {
      const may = checkGlobal(caller, 'service-accounts', 'create', user);
      if (!may.ok) return may;
      if (!isSpaceOf(view, caller, space)) return NO_SPACE;
      if (view.accountByUser(user) !== undefined) return refused('CONFLICT', `A service account "${user}" already exists.`);
      const hash = await passwords.hash(pass, { key: caller.accountId, rank: 0 });
      if (!hash.ok) return hash;
      const now = refreshed(caller);
      if (!now.ok) return now;
      const still = checkGlobal(now.value, 'service-accounts', 'create', user);
      if (!still.ok) return still;
      const id = random.uuid() as AccountId;
      return applier.submit(createAccount({ id, user, passwordHash: hash.value, description: description ?? null }), now.value);
    },
    get: (caller: Caller, id: string) => mapped(accountFor(caller, id, 'get'), accountObject),
    /**
     * 400 for an empty change; 403 for an account with more permissions; 409 for the caller itself
     * or the last admin.
     */
    async update(caller: Caller, id: string, { space, ...change }: ChangeAccount) {
      const row = subordinateFor(caller, id, 'update');
      if (!row.ok) return row;
      if (space === undefined && Object.keys(change).length === 0) {
        return refused('BAD_REQUEST', 'The request changes nothing. Send description or active.');
      }
      if (!isSpaceOf(view, caller, space)) return NO_SPACE;
      return applier.submit(changeAccount(row.value.id, change, caller.accountId), boundToRights(caller, row.value));
    },
    /** Refuses what `update` refuses. */
    async remove(caller: Caller, id: string) {
      const row = subordinateFor(caller, id, 'delete');
      return row.ok ? applier.submit(removeAccount(row.value.id, caller.accountId), boundToRights(caller, row.value)) : row;
    },
    /**
     * Sets a password and revokes older tokens. The caller's own account needs the current
     * password, another account needs service-accounts:update. 403 for an account with more
     * permissions than the caller.
     */
    async changePassword(caller: Caller, id: string, change: ChangePassword) {
      const row = passwordFor(caller, id, change);
      if (!row.ok) return row;
      const proved = await proveCurrent(deps, caller, row.value, change);
      if (!proved.ok) return proved;
      const hash = await passwords.hash(change.new_password, { key: caller.accountId, rank: 0 });
      if (!hash.ok) return hash;
      const now = refreshed(caller);
      if (!now.ok) return now;
      const still = passwordFor(now.value, row.value.id, change);
      return still.ok ? applier.submit(setPassword(still.value.id, hash.value), boundToRights(now.value, still.value)) : still;
    },
  };
}

const namesOf = (row: AccountRow | undefined, id: string): readonly string[] => (row === undefined ? [id] : [row.user, row.id]);

function isSpaceOf(view: View, caller: Caller, name: string | undefined): boolean {
  if (name === undefined) return true;
  const space = view.spaceByName(name);
  return space !== undefined && caller.permissions.knows(space.id);
}

/** Permissions that every account has on the sessions it created. */
const OWN_SESSION_VERBS = ['get', 'update', 'delete', 'files'] as const;

/**
 * Returns whether the caller would gain nothing by logging in as the account: no role of it and no
 * session that it created gives more.
 */
function canActAs({ view, rights }: ServiceAccountDeps, { accountId, permissions }: Caller, row: AccountRow): boolean {
  if (!covers(permissions, rights.bindingsOf(row.id))) return false;
  const may = (verb: Verb, spaceId: SpaceId) =>
    (row.id === accountId && permissions.allowsOwn('sessions', verb)) || permissions.allows('sessions', verb, spaceId);
  return view.spacesOfSessionsBy(row.id).every((spaceId) => OWN_SESSION_VERBS.every((verb) => may(verb, spaceId)));
}

/** Checks the current password if one is sent. Guesses are throttled as in logins. */
async function proveCurrent(
  { passwords, throttle }: ServiceAccountDeps,
  { accountId }: Caller,
  row: AccountRow,
  { current_password: current }: ChangePassword,
) {
  if (current === undefined) return accepted(undefined);
  const place = 'password change';
  const admission = throttle.begin(row.user, `${place} of ${row.id}`);
  if (!admission.admitted) {
    const seconds = admission.retryAfterS;
    return refused('RATE_LIMITED', `Too many wrong passwords. Retry in ${seconds} s.`, { retry_after_s: seconds });
  }
  const right = await passwords.verify(current, row.passwordHash, { key: accountId, rank: 0 });
  if (!right.ok) return right;
  if (!right.value) return refused('UNAUTHORIZED', 'The current password is wrong.');
  throttle.succeeded(row.user, `${place} of ${row.id}`);
  return accepted(undefined);
}
