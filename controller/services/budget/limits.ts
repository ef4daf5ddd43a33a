import type { Scope } from './payer.ts';

/** So many a second in the long run, and `burst` at once after a rest. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}
export type RateLimits = Readonly<Partial<Record<Scope, Rate>>>;

export type AtOnceLimits = Readonly<Partial<Record<Scope, number>>> & {
  readonly process: number;
  /** Of `process`, only for callers who may do everything. */
  readonly admins?: number;
  /** Of `process`, only for accounts that hold fewer than {@link FEW}. */
  readonly few?: number;
  /** For an account without any role. */
  readonly outsider?: number;
};

/** An account with fewer at once than this can use the places that are reserved for those who hold few. */
export const FEW = 10;

const MIB = 1024 * 1024;

/** What no honest client meets on a controller of two cores. `RAWORC_BUDGETS` changes each number. */
export const RATES = {
  /** Requests with valid credentials. */
  requests: {
    account: { perSecond: 1000, burst: 4000 },
    key: { perSecond: 1000, burst: 4000 },
    address: { perSecond: 4000, burst: 16_000 },
  },
  /** Those of them that are not GET or HEAD: each costs a commit. */
  changes: {
    account: { perSecond: 100, burst: 500 },
    key: { perSecond: 100, burst: 500 },
    space: { perSecond: 200, burst: 1000 },
  },
  /** Requests without valid credentials: public routes, failed authentication, unknown paths. */
  strangers: { address: { perSecond: 100, burst: 1000 } },
  /** Packed bytes of uploads. */
  upload_bytes: {
    account: { perSecond: 4 * MIB, burst: 512 * MIB },
    key: { perSecond: 4 * MIB, burst: 512 * MIB },
    space: { perSecond: 8 * MIB, burst: 1024 * MIB },
    process: { perSecond: 32 * MIB, burst: 4096 * MIB },
  },
} as const satisfies Readonly<Record<string, RateLimits>>;
export type RateName = keyof typeof RATES;

export const AT_ONCE = {
  /** Requests that are being answered; streams and waits have budgets of their own. */
  requests: { process: 4000, account: 500, key: 500, address: 2000, admins: 100, outsider: 20 },
  streams: { process: 5000, account: 2000, key: 2000, space: 4000, address: 4000, admins: 100, few: 400, outsider: 10 },
  /** Requests with `?wait`. */
  waits: { process: 5000, account: 2000, key: 2000, space: 4000, address: 4000, admins: 100, few: 400, outsider: 10 },
  /** Many, since one whose bytes do not come costs little: bytes, packed and on disk, have budgets of their own. */
  uploads: { process: 64, account: 3, key: 3, space: 4, admins: 8, outsider: 1 },
  /** Disk that uploads take while they are checked: unpacked and packed again. */
  upload_spool_bytes: { process: 4096 * MIB, account: 1536 * MIB, key: 1536 * MIB, space: 2048 * MIB, admins: 640 * MIB },
  /** Connections on which a request has proved who it is. */
  connections: { process: 10_000, account: 3000, key: 3000, address: 4000, admins: 200, outsider: 50 },
  /** Connections on which none has, TLS handshakes too: past it, the oldest makes room for the newest. */
  stranger_connections: { process: 2048, address: 512 },
  /** JSON bodies in memory. */
  body_bytes: { process: 256 * MIB, account: 64 * MIB, key: 64 * MIB, address: 128 * MIB, admins: 16 * MIB, outsider: 2 * MIB },
  stranger_body_bytes: { process: 16 * MIB, address: 1 * MIB },
  /** Answers that clients have not read, event streams aside. */
  answer_bytes: { process: 256 * MIB, account: 64 * MIB, key: 64 * MIB, address: 128 * MIB, admins: 16 * MIB },
  stranger_answer_bytes: { process: 32 * MIB, address: 8 * MIB },
  /** What event streams hold for clients that have not read it. */
  stream_bytes: { process: 64 * MIB, account: 16 * MIB },
  log_reads: { process: 24, account: 3, space: 6 },
  /** Byte streams to sessions, also those that follow logs. */
  byte_streams: { process: 2000, account: 500, key: 500, space: 1000, admins: 50, outsider: 10 },
} as const satisfies Readonly<Record<string, AtOnceLimits>>;
export type AtOnceName = keyof typeof AT_ONCE;

export interface BudgetLimits {
  readonly rates: Readonly<Record<RateName, RateLimits>>;
  readonly atOnce: Readonly<Record<AtOnceName, AtOnceLimits>>;
}

export const DEFAULT_LIMITS: BudgetLimits = { rates: RATES, atOnce: AT_ONCE };

/**
 * The defaults, changed by a list such as `requests.account=2000/8000, streams.at_once.account=50`: a rate is so many a second, with its burst
 * after a slash (four seconds' worth without one). Throws an Error that names what is wrong.
 */
export function parseLimits(text: string): BudgetLimits {
  let { rates, atOnce }: BudgetLimits = DEFAULT_LIMITS;
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const [, budget = '', isAtOnce, scope = '', amount = '', burst] =
      /^([a-z_]+)(\.at_once)?\.([a-z]+)=(\d{1,15})(?:\/(\d{1,15}))?$/.exec(part) ?? [];
    const most = Number(amount);
    if (most === 0 || burst === '0') throw new Error(`"${part}" must be NAME=NUMBER or NAME=NUMBER/BURST, with numbers from 1`);
    if (isAtOnce === undefined && isIn(RATES, budget) && isIn(RATES[budget], scope)) {
      const rate = { perSecond: most, burst: burst === undefined ? 4 * most : Number(burst) };
      rates = { ...rates, [budget]: { ...rates[budget], [scope]: rate } };
    } else if (isAtOnce !== undefined && burst === undefined && isIn(AT_ONCE, budget) && isIn(AT_ONCE[budget], scope)) {
      atOnce = { ...atOnce, [budget]: { ...atOnce[budget], [scope]: most } };
    } else throw new Error(`"${part}" names no budget. The budgets are ${budgetNames().join(', ')}`);
  }
  return { rates, atOnce };
}

const isIn = <Names extends object>(names: Names, name: PropertyKey): name is keyof Names => Object.hasOwn(names, name);

/** Each number that can be set. */
export function budgetNames(): string[] {
  const of = (limits: object, infix: string) =>
    Object.entries(limits).flatMap(([name, scopes]) => Object.keys(scopes).map((scope) => `${name}${infix}.${scope}`));
  return [...of(RATES, ''), ...of(AT_ONCE, '.at_once')];
}
