import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';

export const CHALLENGE_LIFE_MS = 60_000;

/**
 * Challenges that prove a signed request to be fresh. Each contains its time and a MAC under a key
 * of this process, so a flood of challenges takes no memory. A challenge used twice within its
 * minute yields a second certificate for the same key, which only the key's holder can use.
 */
export class Challenges {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #key: Uint8Array;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#key = random.bytes(32);
  }

  make(): string {
    const body = Buffer.alloc(24);
    body.writeDoubleBE(this.#clock.monotonic());
    body.set(this.#random.bytes(16), 8);
    return Buffer.concat([body, this.#mac(body)]).toString('base64url');
  }

  isFresh(challenge: string): boolean {
    const bytes = Buffer.from(challenge, 'base64url');
    if (bytes.byteLength !== 40) return false;
    const body = bytes.subarray(0, 24);
    if (!timingSafeEqual(bytes.subarray(24), this.#mac(body))) return false;
    return this.#clock.monotonic() - body.readDoubleBE() <= CHALLENGE_LIFE_MS;
  }

  #mac(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, 16);
  }
}
