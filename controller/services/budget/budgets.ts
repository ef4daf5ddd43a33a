import type { Clock } from '../../../seams/clock.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { AtOnce, type Release } from './at-once.ts';
import { type AtOnceName, type BudgetLimits, DEFAULT_LIMITS, type Rate, type RateName } from './limits.ts';
import { keyIn, type Payer, SCOPES, type Scope } from './payer.ts';
import { RateTable } from './rate-table.ts';

export interface BudgetDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly limits?: BudgetLimits | undefined;
  readonly metrics?: Metrics;
}

/** The remainder of a rate, in the scope that has least left. */
export interface RateLeft {
  readonly budget: RateName;
  readonly scope: Scope;
  readonly rate: Rate;
  readonly remaining: number;
  /** Seconds until the rate is full again. */
  readonly fullInS: number;
}

/** Part of a budget for something whose size is not known in advance. */
export interface Holding {
  grow(amount: number): Outcome<undefined>;
  release(): void;
}

interface ScopedRate {
  readonly scope: Scope;
  readonly rate: Rate;
  readonly table: RateTable;
}

const AT_ONCE_RETRY_S = 5;
const IN_USE_MS = 1_000;

/**
 * Counts callers: how often they ask, and how much they use at once, by account, API key, space and
 * address. A refusal is RATE_LIMITED, with the budget and the scope in its details. Refused
 * requests are not charged.
 */
export class Budgets {
  readonly limits: BudgetLimits;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #rates: ReadonlyMap<RateName, readonly ScopedRate[]>;
  readonly #atOnce: ReadonlyMap<AtOnceName, AtOnce>;
  readonly #refused: Counter<'budget' | 'scope'>;
  #requestedMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, limits = DEFAULT_LIMITS, metrics = silentMetrics }: BudgetDeps) {
    this.limits = limits;
    this.#clock = clock;
    this.#rates = new Map(
      namesIn(limits.rates).map((name) => [
        name,
        SCOPES.flatMap((scope) => {
          const rate = limits.rates[name][scope];
          return rate === undefined ? [] : [{ scope, rate, table: new RateTable(rate) }];
        }),
      ]),
    );
    this.#atOnce = new Map(namesIn(limits.atOnce).map((name) => [name, new AtOnce(limits.atOnce[name])]));
    this.#refused = metrics.counter({
      name: 'budget_refused_total',
      help: 'Requests and bytes refused because a budget was used up, by budget and scope.',
      labels: ['budget', 'scope'],
    });
    metrics.gauge({
      name: 'budget_held',
      help: 'Amount that callers use at once, by budget.',
      labels: ['budget'],
      read: () => [...this.#atOnce].map(([budget, { total }]) => ({ labels: { budget }, value: total })),
    });
    metrics.gauge({
      name: 'budget_keys',
      help: 'Accounts, API keys, spaces and addresses that budgets remember.',
      labels: ['kind'],
      read: () => [
        { labels: { kind: 'rate' }, value: [...this.#rates.values()].flat().reduce((sum, { table }) => sum + table.size, 0) },
        { labels: { kind: 'at_once' }, value: [...this.#atOnce.values()].reduce((sum, { keys }) => sum + keys, 0) },
      ],
    });
  }

  /**
   * Charges an amount in every scope of the payer, or in none if one scope has too little left.
   * Returns what is left.
   */
  charge(name: RateName, payer: Payer, amount = 1): Outcome<RateLeft | undefined> {
    const now = this.#clock.monotonic();
    if (name === 'requests') this.#requestedMs = now;
    const rates = this.#rates.get(name) ?? [];
    for (const { scope, rate, table } of rates) {
      const key = keyIn(scope, payer);
      const waitMs = key === undefined ? 0 : table.waitMs(key, amount, now);
      if (waitMs > 0) return this.#refuseRate(name, scope, rate, waitMs);
    }
    return accepted(minLeft(name, rates, payer, (table, key) => table.charge(key, amount, now)));
  }

  /** Returns a charge. */
  giveBack(name: RateName, payer: Payer, amount = 1): void {
    const now = this.#clock.monotonic();
    for (const { scope, table } of this.#rates.get(name) ?? []) {
      const key = keyIn(scope, payer);
      if (key !== undefined) table.charge(key, -amount, now);
    }
  }

  /** Returns undefined if the rate counts this payer in no scope. */
  left(name: RateName, payer: Payer): RateLeft | undefined {
    const now = this.#clock.monotonic();
    return minLeft(name, this.#rates.get(name) ?? [], payer, (table, key) => table.usedMs(key, now));
  }

  /** Acquires an amount until it is released. */
  take(name: AtOnceName, payer: Payer, amount = 1): Outcome<Release> {
    const counted = this.#of(name);
    const limit = counted.limitFor(payer, amount);
    if (limit === undefined) return accepted(counted.hold(payer, amount));
    this.#refused.add(1, { budget: name, scope: limit.scope });
    const details = { budget: name, scope: limit.scope, most: limit.most, retry_after_s: AT_ONCE_RETRY_S };
    return refused('RATE_LIMITED', `${WHO[limit.scope]} ${WORDS[name]}: at most ${amountOf(name, limit.most)} at once. ${HINT}`, details);
  }

  /** Returns an empty holding that can grow. */
  open(name: AtOnceName, payer: Payer): Holding {
    const releases: Release[] = [];
    return {
      grow: (amount) => {
        const more = this.take(name, payer, amount);
        if (more.ok) releases.push(more.value);
        return more.ok ? accepted(undefined) : more;
      },
      release: () => {
        for (const release of releases.splice(0)) release();
      },
    };
  }

  /** Whether a client with credentials waits for an answer, or asked for something in the last second. */
  get isInUse(): boolean {
    return this.held('requests') > 0 || this.held('waits') > 0 || this.#clock.monotonic() - this.#requestedMs < IN_USE_MS;
  }

  /** Returns the amount in use. */
  held(name: AtOnceName): number {
    return this.#of(name).total;
  }

  #of(name: AtOnceName): AtOnce {
    const counted = this.#atOnce.get(name);
    if (counted === undefined) throw new Error(`unknown budget ${name}`);
    return counted;
  }

  #refuseRate(name: RateName, scope: Scope, { perSecond, burst }: Rate, waitMs: number): Outcome<never> {
    this.#refused.add(1, { budget: name, scope });
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
    const most = name === 'upload_bytes' ? bytes(perSecond) : perSecond.toLocaleString('en-US');
    const details = { budget: name, scope, per_second: perSecond, burst, retry_after_s: retryAfterS };
    return refused('RATE_LIMITED', `${WHO[scope]} ${RATE_WORDS[name]}: at most ${most} per second. Retry in ${retryAfterS} s.`, details);
  }
}

/** Returns the counted scope with the least left; `use` returns how much of each scope is used. */
function minLeft(
  budget: RateName,
  rates: readonly ScopedRate[],
  payer: Payer,
  use: (table: RateTable, key: string) => number,
): RateLeft | undefined {
  let least: RateLeft | undefined;
  for (const { scope, rate, table } of rates) {
    const key = keyIn(scope, payer);
    if (key === undefined) continue;
    const usedMs = use(table, key);
    const remaining = table.remaining(usedMs);
    if (least !== undefined && least.remaining <= remaining) continue;
    least = { budget, scope, rate, remaining, fullInS: Math.ceil(usedMs / 1000) };
  }
  return least;
}

const namesIn = <Name extends string>(limits: Readonly<Record<Name, unknown>>): Name[] => Object.keys(limits) as Name[];

const HINT = 'Wait for some to finish, then retry.';
const WHO: Readonly<Record<Scope, string>> = {
  process: 'The controller has',
  account: 'Your account has',
  key: 'Your API key has',
  space: 'This space has',
  address: 'Your network address has',
};
const RATE_WORDS: Readonly<Record<RateName, string>> = {
  requests: 'too many requests',
  changes: 'too many write requests',
  strangers: 'too many requests without valid credentials',
  handshakes: 'too many TLS handshakes',
  upload_bytes: 'too many uploaded bytes',
};
const WORDS: Readonly<Record<AtOnceName, string>> = {
  requests: 'too many requests in progress',
  streams: 'too many open event streams',
  waits: 'too many waiting requests',
  uploads: 'too many uploads in progress',
  upload_spool_bytes: 'uploads in progress that take too much disk',
  connections: 'too many connections',
  stranger_connections: 'too many connections without valid credentials',
  body_bytes: 'request bodies in progress that take too much memory',
  stranger_body_bytes: 'request bodies without credentials that take too much memory',
  answer_bytes: 'too many bytes of unread responses',
  stranger_answer_bytes: 'too many bytes of unread responses to requests without credentials',
  stream_bytes: 'too many unread bytes in event streams',
  log_reads: 'too many log reads in progress',
  byte_streams: 'too many open byte streams',
};

const bytes = (amount: number) => `${Math.round((amount / 1024 / 1024) * 100) / 100} MiB`;
const amountOf = (name: AtOnceName, amount: number) => (name.endsWith('_bytes') ? bytes(amount) : amount.toLocaleString('en-US'));
