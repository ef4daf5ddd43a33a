import type { AccountObject, ApiKeyObject, BindingObject, RoleObject } from '../../domain/access/access-objects.ts';
import type { Rule } from '../../domain/access/rows.ts';
import type { Attribution } from '../../domain/audit/audit.ts';
import type { AccountId } from '../../domain/engine/ids.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';

import type { Caller, Idempotency, Page, PageRequest } from '../engine/caller.ts';

/** What a request proves who asks with. `expiresAtMs` is Unix milliseconds; Infinity for a key without an end. */
export type Proof =
  | {
      readonly kind: 'token';
      readonly tokenId: string;
      readonly accountId: AccountId;
      readonly version: number;
      readonly expiresAtMs: number;
    }
  | { readonly kind: 'api-key'; readonly keyId: string; readonly accountId: AccountId; readonly expiresAtMs: number };

export interface Me {
  readonly user: string;
  readonly id: string;
  readonly type: 'ServiceAccount';
  readonly namespace: null;
  readonly roles: readonly string[];
  /** Where each role holds; space null: everywhere. At most {@link MAX_BINDINGS_SHOWN}, those that hold everywhere first. */
  readonly role_bindings: readonly { readonly role_name: string; readonly space: string | null }[];
}

/** Of the places in which the roles of a caller hold. GET /role-bindings has all of them, by pages. */
export const MAX_BINDINGS_SHOWN = 1000;

/** Accounts whose rights a commit changed, and tokens and keys that it ended. */
export interface RightsChange {
  readonly accounts: ReadonlySet<AccountId>;
  readonly tokens: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
}

/** Whom a token is made for. */
export interface TokenHolder {
  readonly accountId: AccountId;
  readonly user: string;
  readonly version: number;
}

export interface Accounts {
  /** 401 for wrong, unknown and inactive alike, and 429 with `details.retry_after_s` on guessing. */
  login(user: string, password: string, address: string, by: Attribution): Promise<Outcome<TokenHolder>>;
  /** The caller behind a token's `aid` and `ver`; undefined when the account is gone, inactive, or its version has moved on. */
  caller(accountId: AccountId, version: number): Caller | undefined;
  /** The caller behind a proof, as long as it holds; whether it has expired is the edge's to judge. */
  callerOf(proof: Proof): Caller | undefined;
  /** What an API key proves; undefined for one that is not known. */
  keyProof(key: string): Proof | undefined;
  /** Whom the new token is for. 403 for an API key, which makes no tokens. */
  refresh(proof: Proof): Outcome<TokenHolder>;
  /** Ends this token, or (`everywhere`) all of the account's. 403 for an API key. */
  logout(caller: Caller, proof: Proof, everywhere: boolean): Promise<Outcome<undefined>>;
  /** Told after each commit that may have taken something from somebody, before anybody hears of its events. */
  onRightsChanged(listener: (change: RightsChange) => void): void;
  me(caller: Caller): Me;
}

export interface CreateAccount {
  readonly user: string;
  readonly pass: string;
  readonly description?: string;
  /** Accounts are global; a space that is named must be there, and decides nothing. */
  readonly space?: string;
}
export interface ChangeAccount {
  readonly description?: string | null;
  readonly active?: boolean;
  readonly space?: string;
}
export interface ChangePassword {
  readonly current_password?: string;
  readonly new_password: string;
}

/** `id` is an id or a user name. */
export interface ServiceAccounts {
  list(caller: Caller, page: PageRequest): Promise<Outcome<Page<AccountObject>>>;
  create(caller: Caller, input: CreateAccount): Promise<Outcome<AccountObject>>;
  get(caller: Caller, id: string): Outcome<AccountObject>;
  /** 400 when nothing is to change; 403 for one that may do more than the caller; 409 for deactivating oneself or the last admin. */
  update(caller: Caller, id: string, change: ChangeAccount): Promise<Outcome<AccountObject>>;
  /** The same refusals. */
  remove(caller: Caller, id: string): Promise<Outcome<undefined>>;
  /** One's own with the current one; another's with service-accounts:update. 403 for an account that may do more than the caller. Ends older tokens. */
  changePassword(caller: Caller, id: string, change: ChangePassword): Promise<Outcome<undefined>>;
}

export interface CreateRole {
  readonly name: string;
  readonly description?: string;
  readonly rules: readonly Rule[];
}

/** `id` is an id or a name. */
export interface Roles {
  list(caller: Caller, page: PageRequest): Promise<Outcome<Page<RoleObject>>>;
  create(caller: Caller, input: CreateRole, idempotency?: Idempotency): Promise<Outcome<RoleObject>>;
  get(caller: Caller, id: string): Outcome<RoleObject>;
  remove(caller: Caller, id: string): Promise<Outcome<undefined>>;
}

export interface CreateBinding {
  readonly role_name: string;
  readonly principal: string;
  readonly principal_type?: 'ServiceAccount' | 'User';
  readonly space?: string;
}

export interface RoleBindings {
  /** All, or those of one space. */
  list(caller: Caller, space: string | undefined, page: PageRequest): Promise<Outcome<Page<BindingObject>>>;
  /** 403 for what exceeds the caller's own rights there. */
  create(caller: Caller, input: CreateBinding, idempotency?: Idempotency): Promise<Outcome<BindingObject>>;
  get(caller: Caller, id: string): Outcome<BindingObject>;
  remove(caller: Caller, id: string): Promise<Outcome<undefined>>;
}

export interface CreateApiKey {
  readonly name: string;
  /** RFC 3339. */
  readonly expires_at?: string;
  readonly rules?: readonly Rule[];
}

/** Keys of the caller's own account. */
export interface ApiKeys {
  list(caller: Caller, page: PageRequest): Promise<Outcome<Page<ApiKeyObject>>>;
  /** `key` is shown this once. With a key as `proof`, the new one may do no more, lasts no longer, and ends when that is removed. */
  create(caller: Caller, proof: Proof, input: CreateApiKey): Promise<Outcome<ApiKeyObject & { readonly key: string }>>;
  /** One's own, or anybody's with service-accounts:update; and all that were made with it. */
  remove(caller: Caller, id: string): Promise<Outcome<undefined>>;
}
