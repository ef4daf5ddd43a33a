import type { AccountId, SpaceId } from '../../domain/engine/ids.ts';
import type { Caller } from '../engine/caller.ts';

/** What a budget is counted by. `process` is all callers together. */
export const SCOPES = ['process', 'account', 'key', 'space', 'address'] as const;
export type Scope = (typeof SCOPES)[number];

/** `admin` may do everything, everywhere; `outsider` is an account without any role. */
export type Standing = 'admin' | 'member' | 'outsider';

/** Who pays for a request. Without an account it is a stranger, known by address alone. */
export interface Payer {
  readonly account?: AccountId;
  /** Id of the API key that was used. */
  readonly key?: string;
  /** The space that is worked on, where the caller holds a role in it. */
  readonly space?: SpaceId;
  /** An IPv4 address or an IPv6 /64. Undefined for work that no request started. */
  readonly address?: string;
  readonly standing: Standing;
}

export function standingOf({ permissions }: Pick<Caller, 'permissions'>): Standing {
  if (permissions.allowsEverything) return 'admin';
  return permissions.bindings().length === 0 ? 'outsider' : 'member';
}

/** A caller inside the controller, where neither key nor address is known. */
export const payerOf = (caller: Pick<Caller, 'accountId' | 'permissions'>): Payer => ({
  account: caller.accountId,
  standing: standingOf(caller),
});

/** Undefined where the payer has no such thing: then that scope is not counted. */
export function keyIn(scope: Scope, payer: Payer): string | undefined {
  switch (scope) {
    case 'process':
      return '';
    case 'account':
      return payer.account;
    case 'key':
      return payer.key;
    case 'space':
      return payer.space;
    case 'address':
      return payer.address;
    default:
      return scope satisfies never;
  }
}
