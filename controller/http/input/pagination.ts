import type { Context } from 'koa';
import { MAX_PAGE_BYTES, MIN_ITEMS, type PageRequest } from '../../contract/pages.ts';
import type { Page } from '../../services/access/caller.ts';
import { JsonText } from '../../services/engine/json-text.ts';

/**
 * Sets the three page headers and returns the bare array. A page of more than {@link
 * MAX_PAGE_BYTES} ends early: X-Page-Limit is then its number of items, so that the next page
 * begins at X-Page-Offset + X-Page-Limit.
 */
export function pageText<T>(ctx: Context, request: PageRequest, { items, total }: Page<T | JsonText<T>>): JsonText<readonly T[]> {
  const { text, count } = jsonWithin(items, MAX_PAGE_BYTES);
  const isCut = count < request.limit && request.offset + count < total;
  ctx.set('X-Total-Count', String(total));
  ctx.set('X-Page-Offset', String(request.offset));
  ctx.set('X-Page-Limit', String(isCut ? count : request.limit));
  return new JsonText(text);
}

/**
 * Returns a JSON array of the first items that fit into this many bytes, and at least {@link
 * MIN_ITEMS}.
 */
export function jsonWithin(items: readonly unknown[], maxBytes: number): { readonly text: string; readonly count: number } {
  if (!items.some((item) => item instanceof JsonText)) {
    const all = JSON.stringify(items);
    if (Buffer.byteLength(all) <= maxBytes) return { text: all, count: items.length };
  }
  const parts: string[] = [];
  let bytes = 2;
  for (const item of items) {
    const part = item instanceof JsonText ? item.text : JSON.stringify(item);
    bytes += Buffer.byteLength(part) + 1;
    if (bytes > maxBytes && parts.length >= MIN_ITEMS) break;
    parts.push(part);
  }
  return { text: `[${parts.join(',')}]`, count: parts.length };
}
