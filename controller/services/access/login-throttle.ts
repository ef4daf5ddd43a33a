import type { Clock } from '../../../seams/clock.ts';

export interface ThrottleLimits {
  /** Failures in a row without consequences: people mistype. */
  readonly freeFailures: number;
  /** Further failures after which the next attempt is only delayed. */
  readonly slowedFailures: number;
}

const PER_ACCOUNT: ThrottleLimits = { freeFailures: 5, slowedFailures: 3 };
/** Generous, because many people can share a network. */
const PER_NETWORK: ThrottleLimits = { freeFailures: 20, slowedFailures: 10 };

const FIRST_DELAY_MS = 500;
/** A delayed attempt holds its connection open, so longer delays become refusals. */
const MAX_DELAY_MS = 2000;
const FIRST_BAN_MS = 4000;
/** Short, so that a stranger's guesses do not lock the owner out for long. */
const MAX_BAN_MS = 60_000;
/** Idle time after which all failures are forgotten. */
const FORGET_MS = 15 * 60_000;
const MAX_KEYS = 10_000;
/** No user name is longer. */
const MAX_KEY_LENGTH = 128;

export type Admission = { readonly admitted: true; readonly delayMs: number } | { readonly admitted: false; readonly retryAfterS: number };

/**
 * Throttles password guessing. The first failures are free, the next ones delay the answer, and
 * further ones require a growing time between attempts: per account in one network, per network,
 * and per account.
 * - An account as a whole is only delayed, so that a stranger elsewhere cannot lock its owner out.
 * - Others in a network do not lock out an account that has logged in from there before.
 * - An attempt counts as failed from its start, so that parallel guesses gain nothing.
 * - Memory is bounded; entries of guessers are evicted last.
 */
export class LoginThrottle {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #accounts: Failures;
  readonly #pairs: Failures;
  readonly #networks: Failures;
  readonly #places = new KnownNetworks();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#accounts = new Failures(PER_ACCOUNT);
    this.#pairs = new Failures(PER_ACCOUNT);
    this.#networks = new Failures(PER_NETWORK);
  }

  /**
   * Starts an attempt and counts it. Returns whether it is admitted, and by how much to delay its
   * answer.
   */
  begin(user: string, network: string): Admission {
    const now = this.#clock.monotonic();
    const pair = pairOf(user, network);
    const isKnown = this.#places.has(user, network);
    const banMs = Math.max(this.#pairs.banMs(pair, now), isKnown ? 0 : this.#networks.banMs(network, now));
    if (banMs > 0) return { admitted: false, retryAfterS: Math.ceil(banMs / 1000) };
    const delays = [this.#pairs.add(pair, now)];
    // Strangers elsewhere do not delay an account in a network that it has logged in from.
    if (!isKnown) delays.push(this.#accounts.add(user, now), this.#networks.add(network, now));
    return { admitted: true, delayMs: Math.max(...delays) };
  }

  /** Returns the rank of an attempt in the hash queue; see HashCaller. */
  rankOf(user: string, network: string): number {
    return this.#places.has(user, network) ? 0 : 1 + this.#networks.count(network, this.#clock.monotonic());
  }

  /** Resets the failures of the account and takes this attempt back from its network. */
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

/**
 * Networks from which accounts have logged in. Only a correct password adds one, evicting an older
 * one of the same account.
 */
class KnownNetworks {
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
  /**
   * In the order of their last attempts. Guessers, who have used up their free failures, are
   * evicted only by other guessers.
   */
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
    return Math.max(0, entry.at + Math.min(MAX_BAN_MS, FIRST_BAN_MS * 2 ** beyond) - now);
  }

  count(key: string, now: number): number {
    return this.#find(key, now)?.count ?? 0;
  }

  /** Counts a failure and returns by how much to delay the answer. */
  add(key: string, now: number): number {
    const short = key.slice(0, MAX_KEY_LENGTH);
    const earlier = this.#find(key, now)?.count ?? 0;
    this.forget(short);
    const kept = earlier >= this.#limits.freeFailures ? this.#guessers : this.#few;
    kept.set(short, { count: earlier + 1, at: now });
    forgetOldest(kept, MAX_KEYS);
    const slowed = earlier - this.#limits.freeFailures;
    return slowed < 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** slowed);
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
