import type { Context } from 'koa';
import { accepted, type Outcome, refused } from '../domain/outcome.ts';
import type { Page, PageRequest } from '../services/caller.ts';
import { type Query, single, word } from './query.ts';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;
const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

/** `limit` (1–1000, default 100), `offset` (default 0) and `order` (asc or desc); anything else is a 400. */
export function pageRequest(query: Query): Outcome<PageRequest> {
  const limit = whole(query, 'limit', 1, MAX_LIMIT, DEFAULT_LIMIT);
  if (!limit.ok) return limit;
  const offset = whole(query, 'offset', 0, MAX_OFFSET, 0);
  if (!offset.ok) return offset;
  const order = word(query, 'order', ['asc', 'desc']);
  if (!order.ok) return order;
  const page = { limit: limit.value, offset: offset.value };
  return accepted(order.value === undefined ? page : { ...page, order: order.value });
}

function whole(query: Query, name: string, least: number, most: number, otherwise: number): Outcome<number> {
  const sent = single(query, name);
  if (!sent.ok) return sent;
  if (sent.value === undefined) return accepted(otherwise);
  const number = /^\d{1,16}$/.test(sent.value) ? Number(sent.value) : Number.NaN;
  if (number >= least && number <= most) return accepted(number);
  const range = most === MAX_OFFSET ? `a whole number of ${least} or more` : `a whole number from ${least} to ${most}`;
  return refused('BAD_REQUEST', `${name} must be ${range}`);
}

/** Answers with the bare array and the three headers. */
export function answerPage<T>(ctx: Context, request: PageRequest, page: Page<T>): void {
  ctx.set('X-Total-Count', String(page.total));
  ctx.set('X-Page-Offset', String(request.offset));
  ctx.set('X-Page-Limit', String(request.limit));
  ctx.status = 200;
  ctx.body = page.items;
}
