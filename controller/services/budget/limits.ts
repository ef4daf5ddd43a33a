import type { Scope } from './payer.ts';

/** A long-term rate per second, and a `burst` at once after a rest. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}
export type RateLimits = Readonly<Partial<Record<Scope, Rate>>>;

export type AtOnceLimits = Readonly<Partial<Record<Scope, number>>> & {
  readonly process: number;
  /** Part of `process` reserved for admins. */
  readonly admins?: number;
  /** Part of `process` reserved for accounts that use fewer than {@link FEW}. */
  readonly few?: number;
  /** Limit of an account without any role. */
  readonly outsider?: number;
};

/** An account that uses fewer than this can use the reserve for small users. */
export const FEW = 10;

const MIB = 1024 * 1024;

/**
 * High enough for any honest client on a controller with two cores. `RAWORC_BUDGETS` changes each
 * number.
 */
export const RATES = {
  /** Requests with valid credentials. */
  requests: {
    account: { perSecond: 1000, burst: 4000 },
    key: { perSecond: 1000, burst: 4000 },
    address: { perSecond: 4000, burst: 16_000 },
  },
  /** Requests other than GET and HEAD: each costs a commit. */
  changes: {
    account: { perSecond: 100, burst: 500 },
    key: { perSecond: 100, burst: 500 },
    space: { perSecond: 200, burst: 1000 },
  },
  /** Requests without valid credentials: public routes, failed authentication, unknown paths. */
  strangers: { address: { perSecond: 100, burst: 1000 } },
  /** TLS handshakes, which cost processor time before any request. */
  handshakes: { address: { perSecond: 200, burst: 2000 } },
  /** Compressed bytes of uploads. */
  upload_bytes: {
    account: { perSecond: 4 * MIB, burst: 512 * MIB },
    key: { perSecond: 4 * MIB, burst: 512 * MIB },
    space: { perSecond: 8 * MIB, burst: 1024 * MIB },
    process: { perSecond: 32 * MIB, burst: 4096 * MIB },
  },
} as const satisfies Readonly<Record<string, RateLimits>>;
export type RateName = keyof typeof RATES;

export const AT_ONCE = {
  /** Requests in progress; streams and waits have budgets of their own. */
  requests: { process: 4000, account: 500, key: 500, address: 2000, admins: 100, outsider: 20 },
  streams: { process: 5000, account: 2000, key: 2000, space: 4000, address: 4000, admins: 100, few: 400, outsider: 10 },
  /** Requests with `?wait`. */
  waits: { process: 5000, account: 2000, key: 2000, space: 4000, address: 4000, admins: 100, few: 400, outsider: 10 },
  /**
   * High, since a stalled upload costs little: its bytes, compressed and on disk, have their own
   * budgets.
   */
  uploads: { process: 64, account: 3, key: 3, space: 4, admins: 8, outsider: 1 },
  /** Disk that uploads use while they are checked: unpacked and packed again. */
  upload_spool_bytes: { process: 4096 * MIB, account: 1536 * MIB, key: 1536 * MIB, space: 2048 * MIB, admins: 640 * MIB },
  /** Connections with at least one authenticated request. */
  connections: { process: 10_000, account: 3000, key: 3000, address: 4000, admins: 200, outsider: 50 },
  /**
   * Connections without one, including TLS handshakes. Past the limit, a new one closes the oldest.
   */
  stranger_connections: { process: 2048, address: 512 },
  /** JSON bodies in memory. */
  body_bytes: { process: 256 * MIB, account: 64 * MIB, key: 64 * MIB, address: 128 * MIB, admins: 16 * MIB, outsider: 2 * MIB },
  stranger_body_bytes: { process: 16 * MIB, address: 1 * MIB },
  /** Responses that clients have not read, without event streams. */
  answer_bytes: { process: 256 * MIB, account: 64 * MIB, key: 64 * MIB, address: 128 * MIB, admins: 16 * MIB },
  stranger_answer_bytes: { process: 32 * MIB, address: 8 * MIB },
  /** Bytes of event streams that clients have not read. */
  stream_bytes: { process: 64 * MIB, account: 16 * MIB },
  log_reads: { process: 24, account: 3, space: 6 },
  /** Byte streams to sessions, including those that follow logs. */
  byte_streams: { process: 2000, account: 500, key: 500, space: 1000, admins: 50, outsider: 10 },
} as const satisfies Readonly<Record<string, AtOnceLimits>>;
export type AtOnceName = keyof typeof AT_ONCE;

export interface BudgetLimits {
  readonly rates: Readonly<Record<RateName, RateLimits>>;
  readonly atOnce: Readonly<Record<AtOnceName, AtOnceLimits>>;
}

export const DEFAULT_LIMITS: BudgetLimits = { rates: RATES, atOnce: AT_ONCE };

/**
 * Returns the defaults with the changes of a list such as `requests.account=2000/8000,
 * streams.at_once.account=50`. A rate is a number per second, with its burst after a slash
 * (default: four seconds' worth). Throws an error that names the invalid part.
 */
export function parseLimits(text: string): BudgetLimits {
  let { rates, atOnce }: BudgetLimits = DEFAULT_LIMITS;
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const [, budget = '', isAtOnce, scope = '', amount = '', burst] =
      /^([a-z_]+)(\.at_once)?\.([a-z]+)=(\d{1,15})(?:\/(\d{1,15}))?$/.exec(part) ?? [];
    const most = Number(amount);
    if (most === 0 || burst === '0') throw new Error(`"${part}" must be NAME=NUMBER or NAME=NUMBER/BURST, with positive integers`);
    if (isAtOnce === undefined && isIn(RATES, budget) && isIn(RATES[budget], scope)) {
      const rate = { perSecond: most, burst: burst === undefined ? 4 * most : Number(burst) };
      rates = { ...rates, [budget]: { ...rates[budget], [scope]: rate } };
    } else if (isAtOnce !== undefined && burst === undefined && isIn(AT_ONCE, budget) && isIn(AT_ONCE[budget], scope)) {
      atOnce = { ...atOnce, [budget]: { ...atOnce[budget], [scope]: most } };
    } else throw new Error(`"${part}" is not a budget. The budgets are ${budgetNames().join(', ')}`);
  }
  return { rates, atOnce };
}

const isIn = <Names extends object>(names: Names, name: PropertyKey): name is keyof Names => Object.hasOwn(names, name);

/** Returns the name of each number that can be set. */
export function budgetNames(): string[] {
  const of = (limits: object, infix: string) =>
    Object.entries(limits).flatMap(([name, scopes]) => Object.keys(scopes).map((scope) => `${name}${infix}.${scope}`));
  return [...of(RATES, ''), ...of(AT_ONCE, '.at_once')];
}
