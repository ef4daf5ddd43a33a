import { z } from 'zod';
import type { Infer } from './fields.ts';
import { defaultedParameter, wordParameter } from './parameters.ts';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;

/** Parameters of every list. */
export const pageQuery = z.object({
  limit: defaultedParameter(1, MAX_LIMIT, DEFAULT_LIMIT, 'Maximum number of items to return'),
  offset: defaultedParameter(0, Number.MAX_SAFE_INTEGER, 0, 'Number of items to skip'),
  order: wordParameter(['asc', 'desc'], 'By creation time. Default: newest first; messages oldest first'),
});
export type PageRequest = Infer<typeof pageQuery>;

/** A page ends early where its JSON would exceed this, but not before {@link MIN_ITEMS}. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/**
 * A client that walks a list requests the last item of the previous page again. The page must have
 * room for at least one more.
 */
export const MIN_ITEMS = 2;
