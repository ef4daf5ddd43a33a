import type { Context } from 'koa';
import type { RateLeft } from '../services/budget/budgets.ts';

/**
 * `RateLimit-Policy` and `RateLimit`, in the form of draft-ietf-httpapi-ratelimit-headers-10: a list of policies by name, which the older
 * `RateLimit-Limit`, `-Remaining` and `-Reset` cannot carry. `q` is the burst, `w` and `t` are the seconds in which it comes back.
 */
export function setRateHeaders(ctx: Context, left: RateLeft): void {
  const name = `"${left.budget}-${left.scope}"`;
  add(ctx, 'RateLimit-Policy', policyOf(name, left));
  add(ctx, 'RateLimit', `${name};r=${left.remaining};t=${left.fullInS}`);
}

function add(ctx: Context, field: string, item: string): void {
  const earlier = ctx.res.getHeader(field);
  ctx.set(field, earlier === undefined ? item : `${earlier}, ${item}`);
}

const policyOf = (name: string, { rate: { perSecond, burst } }: RateLeft) =>
  `${name};q=${burst};w=${Math.max(1, Math.ceil(burst / perSecond))}`;
