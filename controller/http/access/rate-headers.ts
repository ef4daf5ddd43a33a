import type { Context } from 'koa';
import type { RateLeft } from '../../services/budget/budgets.ts';
import type { Rate } from '../../services/budget/limits.ts';

/**
 * Sets `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-10, whose list
 * of named policies the older `RateLimit-Limit`, `-Remaining` and `-Reset` cannot express. `q` is
 * the burst; `w` and `t` are the seconds until it is restored.
 */
export function setRateHeaders(ctx: Context, left: RateLeft): void {
  const { name, policy } = namedOf(left);
  const { res } = ctx;
  const policies = res.getHeader('RateLimit-Policy');
  const item = `${name};r=${left.remaining};t=${left.fullInS}`;
  res.setHeader('RateLimit-Policy', policies === undefined ? policy : `${policies}, ${policy}`);
  res.setHeader('RateLimit', policies === undefined ? item : `${res.getHeader('RateLimit')}, ${item}`);
}

interface Named {
  readonly budget: string;
  readonly name: string;
  readonly policy: string;
}

/** Cached: they are the same in each response. */
const known = new WeakMap<Rate, Map<string, Named>>();

function namedOf({ budget, scope, rate }: RateLeft): Named {
  const of = known.get(rate) ?? new Map<string, Named>();
  if (of.size === 0) known.set(rate, of);
  const found = of.get(scope);
  if (found?.budget === budget) return found;
  const name = `"${budget}-${scope}"`;
  const made = { budget, name, policy: `${name};q=${rate.burst};w=${Math.max(1, Math.ceil(rate.burst / rate.perSecond))}` };
  of.set(scope, made);
  return made;
}
