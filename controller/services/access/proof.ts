import type { AccountId } from '../../domain/engine/ids.ts';

/**
 * The credential that authenticated a request. `expiresAtMs` is Unix milliseconds, or Infinity for
 * a key that does not expire.
 */
export type Proof =
  | {
      readonly kind: 'token';
      readonly tokenId: string;
      readonly accountId: AccountId;
      readonly version: number;
      readonly expiresAtMs: number;
    }
  | { readonly kind: 'api-key'; readonly keyId: string; readonly accountId: AccountId; readonly expiresAtMs: number };
