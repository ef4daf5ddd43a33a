import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { AccountId } from '../../domain/engine/ids.ts';

export const TOKEN_ISSUER = 'raworc';
export const TOKEN_ALGORITHM = 'HS256';
export const TOKEN_LIFETIME_S = 24 * 3600;

/** The account that a token is issued to. */
export interface TokenHolder {
  readonly accountId: AccountId;
  readonly user: string;
  readonly version: number;
}

export interface TokenKey {
  readonly key: KeyObject;
  /** Key id, in the header of each token that this key signs. */
  readonly kid: string;
}

export interface Tokens {
  /** Returns the key with this `kid`, or undefined for an unknown or removed key. */
  keyOf(kid: unknown): KeyObject | undefined;
  /** Returns whether tokens signed with this key are still valid. */
  isTrusted(key: KeyObject): boolean;
  /**
   * Replaces the keys: the first one signs, all of them verify. Returns whether the first one
   * changed.
   */
  use(keys: readonly [TokenKey, ...TokenKey[]]): boolean;
  /** Returns an id for a new token. */
  newId(): string;
  /** Signs a token that is valid for 24 h. `expires_at` is RFC 3339. */
  sign(subject: TokenHolder, id?: string): { token: string; expires_at: string };
}

export function createTokens(options: { keys: readonly [TokenKey, ...TokenKey[]]; clock: Clock; random: Random }): Tokens {
  const { clock, random } = options;
  let { keys } = options;
  return {
    keyOf: (kid) => keys.find((one) => one.kid === kid)?.key,
    isTrusted: (key) => keys.some((one) => one.key === key),
    use(newest) {
      const isOther = newest[0].kid !== keys[0].kid;
      // Reuses the objects of unchanged keys, so that caches keyed by them stay valid.
      const [first, ...others] = newest.map((one) => keys.find(({ kid, key }) => kid === one.kid && key.equals(one.key)) ?? one);
      if (first !== undefined) keys = [first, ...others];
      return isOther;
    },
    newId: () => random.uuid(),
    sign({ accountId, user, version }, id = random.uuid()) {
      const [{ key, kid }] = keys;
      const iat = Math.floor(clock.now() / 1000);
      const exp = iat + TOKEN_LIFETIME_S;
      const claims = {
        sub: user,
        sub_type: 'ServiceAccount',
        aid: accountId,
        ver: version,
        iss: TOKEN_ISSUER,
        iat,
        exp,
        jti: id,
      };
      // With a string instead of a KeyObject, jsonwebtoken first tries to parse a public key: 40
      // times slower.
      const token = jwt.sign(claims, key, { algorithm: TOKEN_ALGORITHM, keyid: kid });
      return { token, expires_at: new Date(exp * 1000).toISOString() };
    },
  };
}
