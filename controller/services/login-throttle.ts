import type { Clock } from '../../seams/clock.ts';

export interface ThrottleLimits {
  /** Failures in a row that cost nothing: one forgets. */
  readonly freeFailures: number;
  /** Further failures whose successors are only slowed. */
  readonly slowedFailures: number;
}

const PER_ACCOUNT: ThrottleLimits = { freeFailures: 5, slowedFailures: 3 };
/** Many people may share an address. */
const PER_ADDRESS: ThrottleLimits = { freeFailures: 20, slowedFailures: 10 };

const FIRST_DELAY_MS = 500;
/** A delayed attempt holds its connection: more than this is said by a refusal. */
const LONGEST_DELAY_MS = 2000;
const FIRST_BAN_MS = 4000;
/** Short enough that a stranger's guessing does not keep the owner out for long. */
const LONGEST_BAN_MS = 60_000;
/** After so long without an attempt all is forgotten. */
const FORGET_MS = 15 * 60_000;
const MAX_KEYS = 10_000;
/** No name is longer; longer ones are nobody's. */
const MAX_KEY_LENGTH = 128;

export type Admission = { readonly admitted: true; readonly delayMs: number } | { readonly admitted: false; readonly retryAfterS: number };

/**
 * Slows the guessing of passwords: the first failures are free, the next ones delay the answer, then a growing time must pass
 * between attempts of one address, at one account and at all. An account as such is only slowed, whoever guesses: a stranger
 * elsewhere must not be able to keep its owner out. An attempt counts as failed from its start, so that many at once
 * gain nothing. Memory is bounded; what was longest unused is forgotten first.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #accounts: Failures;
  readonly #pairs: Failures;
  readonly #addresses: Failures;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#accounts = new Failures(PER_ACCOUNT);
    this.#pairs = new Failures(PER_ACCOUNT);
    this.#addresses = new Failures(PER_ADDRESS);
  }

  /** Whether an attempt may be made now (then it counts), and for how long its answer is to be delayed. */
  begin(user: string, address: string): Admission {
    const now = this.#clock.monotonic();
    const pair = `${address} ${user}`;
    const banMs = Math.max(this.#pairs.banMs(pair, now), this.#addresses.banMs(address, now));
    if (banMs > 0) return { admitted: false, retryAfterS: Math.ceil(banMs / 1000) };
    const delayMs = Math.max(this.#accounts.add(user, now), this.#pairs.add(pair, now), this.#addresses.add(address, now));
    return { admitted: true, delayMs };
  }

  /** The attempt was the owner's: the account starts anew, and the address gets this attempt back. */
  succeeded(user: string, address: string): void {
    this.#accounts.forget(user);
    this.#pairs.forget(`${address} ${user}`);
    this.#addresses.takeBack(address);
  }
}

interface Entry {
  count: number;
  at: number;
}

class Failures {
  readonly #limits: ThrottleLimits;
  /** In the order of their last attempt. */
  readonly #entries = new Map<string, Entry>();

  constructor(limits: ThrottleLimits) {
    this.#limits = limits;
  }

  banMs(key: string, now: number): number {
    const entry = this.#find(key, now);
    if (entry === undefined) return 0;
    const beyond = entry.count - this.#limits.freeFailures - this.#limits.slowedFailures;
    if (beyond < 0) return 0;
    return Math.max(0, entry.at + Math.min(LONGEST_BAN_MS, FIRST_BAN_MS * 2 ** beyond) - now);
  }

  /** Counts one more, and returns by how much its answer is to be delayed. */
  add(key: string, now: number): number {
    const short = key.slice(0, MAX_KEY_LENGTH);
    const earlier = this.#find(key, now)?.count ?? 0;
    this.#entries.delete(short);
    this.#entries.set(short, { count: earlier + 1, at: now });
    if (this.#entries.size > MAX_KEYS) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    const slowed = earlier - this.#limits.freeFailures;
    return slowed < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** slowed);
  }

  forget(key: string): void {
    this.#entries.delete(key.slice(0, MAX_KEY_LENGTH));
  }

  takeBack(key: string): void {
    const entry = this.#entries.get(key.slice(0, MAX_KEY_LENGTH));
    if (entry !== undefined && entry.count > 0) entry.count--;
  }

  #find(key: string, now: number): Entry | undefined {
    const short = key.slice(0, MAX_KEY_LENGTH);
    const entry = this.#entries.get(short);
    if (entry === undefined || now - entry.at < FORGET_MS) return entry;
    this.#entries.delete(short);
    return undefined;
  }
}
