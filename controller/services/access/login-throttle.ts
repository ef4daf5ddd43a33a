import type { Clock } from '../../../seams/clock.ts';

export interface ThrottleLimits {
  /** Failures in a row that cost nothing: one forgets. */
  readonly freeFailures: number;
  /** Further failures whose successors are only slowed. */
  readonly slowedFailures: number;
}

const PER_ACCOUNT: ThrottleLimits = { freeFailures: 5, slowedFailures: 3 };
/** Many people may share a network. */
const PER_NETWORK: ThrottleLimits = { freeFailures: 20, slowedFailures: 10 };

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
 * between attempts of one network, at one account and at all. An account as such is only slowed, whoever guesses: a stranger
 * elsewhere must not be able to keep its owner out. Nor is an account kept out of a network where it has logged in before by others there. An attempt
 * counts as failed from its start, so that many at once gain nothing. Memory is bounded; guessers are forgotten last.
 */
export class LoginThrottle {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #accounts: Failures;
  readonly #pairs: Failures;
  readonly #networks: Failures;
  readonly #places = new KnownPlaces();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#accounts = new Failures(PER_ACCOUNT);
    this.#pairs = new Failures(PER_ACCOUNT);
    this.#networks = new Failures(PER_NETWORK);
  }

  /** Whether an attempt may be made now (then it counts), and for how long its answer is to be delayed. */
  begin(user: string, network: string): Admission {
    const now = this.#clock.monotonic();
    const pair = pairOf(user, network);
    const isKnown = this.#places.has(user, network);
    const banMs = Math.max(this.#pairs.banMs(pair, now), isKnown ? 0 : this.#networks.banMs(network, now));
    if (banMs > 0) return { admitted: false, retryAfterS: Math.ceil(banMs / 1000) };
    const delays = [this.#pairs.add(pair, now)];
    // Strangers elsewhere do not slow an account where it is known.
    if (!isKnown) delays.push(this.#accounts.add(user, now), this.#networks.add(network, now));
    return { admitted: true, delayMs: Math.max(...delays) };
  }

  /** How the attempt ranks among those that wait to be checked: see HashCaller. */
  rankOf(user: string, network: string): number {
    return this.#places.has(user, network) ? 0 : 1 + this.#networks.count(network, this.#clock.monotonic());
  }

  /** The attempt was the owner's: the account starts anew, and the network gets this attempt back. */
  succeeded(user: string, network: string): void {
    this.#accounts.forget(user);
    this.#pairs.forget(pairOf(user, network));
    if (!this.#places.has(user, network)) this.#networks.takeBack(network);
    this.#places.add(user, network);
  }
}

const pairOf = (user: string, network: string) => `${network} ${user}`;

const MAX_ACCOUNTS = 10_000;
const MAX_PLACES = 20;

/** Networks from which accounts have logged in. Only a right password adds one, and it takes the place of another of the same account. */
class KnownPlaces {
  readonly #networks = new Map<string, Set<string>>();

  has(user: string, network: string): boolean {
    return this.#networks.get(user)?.has(network) === true;
  }

  add(user: string, network: string): void {
    const known = this.#networks.get(user) ?? new Set();
    this.#networks.delete(user);
    this.#networks.set(user, known);
    known.delete(network);
    known.add(network);
    forgetOldest(known, MAX_PLACES);
    forgetOldest(this.#networks, MAX_ACCOUNTS);
  }
}

function forgetOldest(kept: { size: number; keys(): Iterator<string>; delete(key: string): boolean }, most: number): void {
  const oldest = kept.size > most ? kept.keys().next() : undefined;
  if (oldest?.done === false) kept.delete(oldest.value);
}

interface Entry {
  count: number;
  at: number;
}

class Failures {
  readonly #limits: ThrottleLimits;
  /** Each in the order of their last attempts. Guessers have used up their free failures, and are forgotten only when there are too many of them. */
  readonly #few = new Map<string, Entry>();
  readonly #guessers = new Map<string, Entry>();

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

  count(key: string, now: number): number {
    return this.#find(key, now)?.count ?? 0;
  }

  /** Counts one more, and returns by how much its answer is to be delayed. */
  add(key: string, now: number): number {
    const short = key.slice(0, MAX_KEY_LENGTH);
    const earlier = this.#find(key, now)?.count ?? 0;
    this.forget(short);
    const kept = earlier >= this.#limits.freeFailures ? this.#guessers : this.#few;
    kept.set(short, { count: earlier + 1, at: now });
    forgetOldest(kept, MAX_KEYS);
    const slowed = earlier - this.#limits.freeFailures;
    return slowed < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** slowed);
  }

  forget(key: string): void {
    const short = key.slice(0, MAX_KEY_LENGTH);
    this.#few.delete(short);
    this.#guessers.delete(short);
  }

  takeBack(key: string): void {
    const short = key.slice(0, MAX_KEY_LENGTH);
    const entry = this.#few.get(short) ?? this.#guessers.get(short);
    if (entry !== undefined && entry.count > 0) entry.count--;
  }

  #find(key: string, now: number): Entry | undefined {
    const short = key.slice(0, MAX_KEY_LENGTH);
    const entry = this.#few.get(short) ?? this.#guessers.get(short);
    if (entry === undefined || now - entry.at < FORGET_MS) return entry;
    this.forget(short);
    return undefined;
  }
}
