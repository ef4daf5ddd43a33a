import type { AccountId, SpaceId } from '../../domain/engine/ids.ts';
import type { Caller } from '../access/caller.ts';

/** What a budget is counted by. `process` counts all callers together. */
export const SCOPES = ['process', 'account', 'key', 'space', 'address'] as const;
export type Scope = (typeof SCOPES)[number];

/** `admin` has every permission everywhere; `outsider` is an account without any role. */
export type Standing = 'admin' | 'member' | 'outsider';

/** Who pays for a request. Without an account, it is a stranger, known by its address only. */
export interface Payer {
  readonly account?: AccountId;
  /** Id of the API key of the request. */
  readonly key?: string;
  /** The space that the request is about, if the caller has a role in it. */
  readonly space?: SpaceId;
  /** An IPv4 address or an IPv6 /64. Undefined for work inside the controller. */
  readonly address?: string;
  readonly standing: Standing;
}

export function standingOf({ permissions }: Pick<Caller, 'permissions'>): Standing {
  if (permissions.allowsEverything) return 'admin';
  return permissions.bindings().length === 0 ? 'outsider' : 'member';
}

/** The payer of work inside the controller, where key and address are unknown. */
export const payerOf = (caller: Pick<Caller, 'accountId' | 'permissions'>): Payer => ({
  account: caller.accountId,
  standing: standingOf(caller),
});

/** Returns undefined if the scope does not apply to the payer. */
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
