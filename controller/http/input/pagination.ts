import type { Context } from 'koa';
import { type Query, single, word } from '../../contract/query.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { MAX_PAGE_BYTES, MIN_ITEMS, type Page, type PageRequest } from '../../services/engine/caller.ts';

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

/**
 * Answers with the bare array and the three headers. A page of more than {@link MAX_PAGE_BYTES} ends early: X-Page-Limit is then the number
 * of its items, so that the next page begins at X-Page-Offset + X-Page-Limit.
 */
export function answerPage<T>(ctx: Context, request: PageRequest, { items, total }: Page<T>): void {
  const { text, count } = jsonWithin(items, MAX_PAGE_BYTES);
  const isCut = count < request.limit && request.offset + count < total;
  ctx.set('X-Total-Count', String(total));
  ctx.set('X-Page-Offset', String(request.offset));
  ctx.set('X-Page-Limit', String(isCut ? count : request.limit));
  ctx.status = 200;
  ctx.type = 'json';
  ctx.body = text;
}

/** A JSON array of the first items that fit into so many bytes, and of the first {@link MIN_ITEMS} in any case. */
export function jsonWithin(items: readonly unknown[], maxBytes: number): { readonly text: string; readonly count: number } {
  const all = JSON.stringify(items);
  if (Buffer.byteLength(all) <= maxBytes) return { text: all, count: items.length };
  const parts: string[] = [];
  let bytes = 2;
  for (const item of items) {
    const part = JSON.stringify(item);
    bytes += Buffer.byteLength(part) + 1;
    if (bytes > maxBytes && parts.length >= MIN_ITEMS) break;
    parts.push(part);
  }
  return { text: `[${parts.join(',')}]`, count: parts.length };
}
