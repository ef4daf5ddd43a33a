import type { AccountId } from '../../domain/engine/ids.ts';

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
