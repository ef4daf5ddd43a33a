import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { AccountId } from '../../domain/engine/ids.ts';

export const TOKEN_ISSUER = 'raworc';
export const TOKEN_ALGORITHM = 'HS256';
export const TOKEN_LIFETIME_S = 24 * 3600;

/** Whom a token is made for. */
export interface TokenHolder {
  readonly accountId: AccountId;
  readonly user: string;
  readonly version: number;
}

export interface TokenKey {
  readonly key: KeyObject;
  /** In the header of each token that it signed. */
  readonly kid: string;
}

export interface Tokens {
  /** The key that signed a token with this `kid`; undefined for one that is not known, or no more. */
  keyOf(kid: unknown): KeyObject | undefined;
  /** Whether a key still proves what it signed. */
  isInForce(key: KeyObject): boolean;
  /** From now on the first one signs; the others only prove what they signed. Whether the first is another than before. */
  use(keys: readonly [TokenKey, ...TokenKey[]]): boolean;
  /** Of a token that is to be signed. */
  newId(): string;
  /** Good for 24 h. `expires_at` is RFC 3339. */
  sign(subject: TokenHolder, id?: string): { token: string; expires_at: string };
}

export function createTokens(options: { keys: readonly [TokenKey, ...TokenKey[]]; clock: Clock; random: Random }): Tokens {
  const { clock, random } = options;
  let { keys } = options;
  return {
    keyOf: (kid) => keys.find((one) => one.kid === kid)?.key,
    isInForce: (key) => keys.some((one) => one.key === key),
    use(newest) {
      const isOther = newest[0].kid !== keys[0].kid;
      // The same keys stay the same objects, and what they are known to have signed stays known.
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
      // A KeyObject: given a string, jsonwebtoken first tries to read it as a public key, which costs forty times as much.
      const token = jwt.sign(claims, key, { algorithm: TOKEN_ALGORITHM, keyid: kid });
      return { token, expires_at: new Date(exp * 1000).toISOString() };
    },
  };
}
