import { createHash } from 'node:crypto';
import type { Rule } from '../../contract/access/roles.ts';
import { type Binding, Permissions } from '../../domain/access/rbac.ts';
import type { AccountId, SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation } from '../../domain/engine/mutation.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Committed } from '../engine/applier.ts';
import type { Caller } from './caller.ts';
import type { Proof } from './proof.ts';

/** The accounts whose permissions a commit changed, and the tokens and keys that it revoked. */
export interface RightsChange {
  readonly accounts: ReadonlySet<AccountId>;
  readonly tokens: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
}

/** An active or inactive account with its permissions. */
interface KnownAccount {
  readonly user: string;
  readonly active: boolean;
  readonly version: number;
  readonly bindings: readonly Binding[];
  readonly bindingIds: readonly string[];
  readonly roleIds: ReadonlySet<string>;
  readonly permissions: Permissions;
}

interface KnownKey {
  readonly id: string;
  readonly hash: string;
  readonly accountId: AccountId;
  readonly rules: readonly Rule[] | null;
  readonly expiresAtMs: number;
  /** The account's permissions that `permissions` was computed from; stale once they differ. */
  from: Permissions;
  permissions: Permissions;
}

/**
 * Caches the permissions of accounts and API keys. A commit evicts exactly what it changes, before
 * its answer is sent, so a revoked permission never allows another request. A request costs two
 * lookups.
 */
export class RightsCache {
  readonly #view: View;
  readonly #accounts = new Map<AccountId, KnownAccount>();
  readonly #accountOfBinding = new Map<string, AccountId>();
  readonly #keys = new Map<string, KnownKey>();
  readonly #keyIdOfHash = new Map<string, string>();
  /** Expiry of each revoked token in Unix milliseconds. */
  readonly #revoked: Map<string, number>;
  readonly #listeners: ((change: RightsChange) => void)[] = [];

  constructor(view: View) {
    this.#view = view;
    this.#revoked = new Map(view.revokedTokens().map(({ id, expiresAt }) => [id, expiresAt]));
  }

  /**
   * Calls the listener after each commit that can have revoked permissions, once the cache is up to
   * date.
   */
  onChanged(listener: (change: RightsChange) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Called with each commit before all other listeners, so that none shows data to a caller who
   * lost the permission.
   */
  committed({ mutations }: Committed): void {
    const change = { accounts: new Set<AccountId>(), keys: new Set<string>(), tokens: new Set<string>() };
    for (const mutation of mutations) this.#forget(mutation, change);
    if (change.accounts.size + change.keys.size + change.tokens.size === 0) return;
    for (const listener of this.#listeners) listener(change);
  }

  /** Returns undefined once the proof is revoked. Does not check its expiry. */
  callerOf(proof: Proof): Caller | undefined {
    const account = this.#account(proof.accountId);
    if (account?.active !== true) return undefined;
    if (proof.kind === 'api-key') return this.#keyHolder(proof, account);
    if (account.version !== proof.version || this.#revoked.has(proof.tokenId)) return undefined;
    return this.#caller(proof, account.user, account.permissions);
  }

  /**
   * Returns an account as a caller for what goes on in its name without a login, or a key of it.
   * Undefined once the account or the key can do nothing any more.
   */
  holderOf(accountId: AccountId, keyId: string | null): Caller | undefined {
    const account = this.#account(accountId);
    if (account?.active !== true) return undefined;
    if (keyId !== null) {
      const key = this.#key(keyId);
      if (key?.accountId !== accountId) return undefined;
      return this.#keyHolder({ kind: 'api-key', keyId, accountId, expiresAtMs: key.expiresAtMs }, account);
    }
    const now = () => this.holderOf(accountId, null);
    const { user, permissions } = account;
    return { accountId, user, permissions, isCurrent: () => now()?.permissions === permissions, now };
  }

  #caller(proof: Proof, user: string, permissions: Permissions): Caller {
    const now = () => this.callerOf(proof);
    return { accountId: proof.accountId, user, permissions, isCurrent: () => now()?.permissions === permissions, now };
  }

  /** Returns the proof of an API key, found by its hash: the key itself is not stored. */
  keyProof(key: string): Proof | undefined {
    const known = this.#keyByHash(createHash('sha256').update(key).digest('hex'));
    return known === undefined
      ? undefined
      : { kind: 'api-key', keyId: known.id, accountId: known.accountId, expiresAtMs: known.expiresAtMs };
  }

  /** Returns whether an account is active and has any permission in the space. */
  hasRightsIn(id: AccountId, spaceId: SpaceId): boolean {
    const account = this.#account(id);
    return account?.active === true && account.permissions.hasRightsIn(spaceId);
  }

  bindingsOf(id: AccountId): readonly Binding[] {
    return this.#account(id)?.bindings ?? [];
  }

  #keyHolder(proof: Extract<Proof, { kind: 'api-key' }>, account: KnownAccount): Caller | undefined {
    const key = this.#key(proof.keyId);
    if (key === undefined) return undefined;
    if (key.from !== account.permissions) {
      key.from = account.permissions;
      key.permissions = key.rules === null ? account.permissions : new Permissions(account.bindings, key.rules);
    }
    return this.#caller(proof, account.user, key.permissions);
  }

  #account(id: AccountId): KnownAccount | undefined {
    const known = this.#accounts.get(id);
    if (known !== undefined) return known;
    const row = this.#view.get('accounts', id);
    if (row === undefined) return undefined;
    const rows = this.#view.bindingsOf(id);
    const bindings = rows.flatMap(({ roleId, spaceId }) => {
      const role = this.#view.get('roles', roleId);
      return role === undefined ? [] : [{ role, spaceId }];
    });
    const made: KnownAccount = {
      user: row.user,
      active: row.active,
      version: row.version,
      bindings,
      permissions: new Permissions(bindings),
      bindingIds: rows.map((binding) => binding.id),
      roleIds: new Set(rows.map(({ roleId }) => roleId)),
    };
    this.#accounts.set(id, made);
    for (const bindingId of made.bindingIds) this.#accountOfBinding.set(bindingId, id);
    return made;
  }

  #keyByHash(hash: string): KnownKey | undefined {
    const id = this.#keyIdOfHash.get(hash) ?? this.#view.apiKeyByHash(hash)?.id;
    return id === undefined ? undefined : this.#key(id);
  }

  #key(id: string): KnownKey | undefined {
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const row = this.#view.get('apiKeys', id);
    if (row === undefined) return undefined;
    const { keyHash: hash, accountId, rules, expiresAt } = row;
    const made = { id, hash, accountId, rules, expiresAtMs: expiresAt ?? Number.POSITIVE_INFINITY, from: NOTHING, permissions: NOTHING };
    this.#keys.set(id, made);
    this.#keyIdOfHash.set(hash, id);
    return made;
  }

  #forget(mutation: Mutation, change: { accounts: Set<AccountId>; keys: Set<string>; tokens: Set<string> }): void {
    if (mutation.kind === 'prune' && mutation.table === 'revokedTokens') this.#forgetExpired(mutation.before);
    if (mutation.kind === 'put') {
      if (mutation.table === 'revokedTokens') {
        this.#revoked.set(mutation.row.id, mutation.row.expiresAt);
        change.tokens.add(mutation.row.id);
      } else if (mutation.table === 'bindings' && mutation.row.accountId !== null)
        this.#forgetAccount(mutation.row.accountId, change.accounts);
      else if (mutation.table === 'roles') this.#forgetRole(mutation.row.id, change.accounts);
      else if (mutation.table === 'accounts') {
        const known = this.#accounts.get(mutation.row.id);
        const { user, active, version } = mutation.row;
        // A login updates the account's row but changes no permissions.
        const isTheSame = known !== undefined && known.user === user && known.active === active && known.version === version;
        if (!isTheSame) this.#forgetAccount(mutation.row.id, change.accounts);
      }
      return;
    }
    if (mutation.kind !== 'remove') return;
    const { table, id } = mutation;
    if (table === 'bindings') {
      const account = this.#accountOfBinding.get(id);
      if (account !== undefined) this.#forgetAccount(account, change.accounts);
    } else if (table === 'roles') this.#forgetRole(id, change.accounts);
    else if (table === 'accounts') this.#forgetAccount(id as AccountId, change.accounts);
    else if (table === 'apiKeys') this.#forgetKey(id, change.keys);
  }

  #forgetAccount(id: AccountId, changed: Set<AccountId>): void {
    for (const bindingId of this.#accounts.get(id)?.bindingIds ?? []) this.#accountOfBinding.delete(bindingId);
    this.#accounts.delete(id);
    changed.add(id);
  }

  #forgetRole(roleId: string, changed: Set<AccountId>): void {
    for (const [id, { roleIds }] of [...this.#accounts]) if (roleIds.has(roleId)) this.#forgetAccount(id, changed);
  }

  #forgetKey(id: string, changed: Set<string>): void {
    const known = this.#keys.get(id);
    if (known !== undefined) this.#keyIdOfHash.delete(known.hash);
    this.#keys.delete(id);
    changed.add(id);
  }

  #forgetExpired(before: number): void {
    for (const [id, expiresAt] of this.#revoked) if (expiresAt < before) this.#revoked.delete(id);
  }
}

const NOTHING = new Permissions([]);
