const PAGE = 1000;
/** How many items of the page before each page repeats. */
const OVERLAP = 1;

interface Page<T> {
  readonly items: readonly T[];
  /** The size of the page: smaller than requested if it reached the server's limit in bytes. */
  readonly limit: number;
}

/**
 * Yields every item of a list that can change while it is read. Items that exist throughout come
 * exactly once. Items created meanwhile can be missing (lists are newest first); items deleted
 * meanwhile can be included.
 *
 * Pages are cut by offset, so each deletion moves later items across the next cut. Each page
 * therefore begins with the last item of the page before, and `limit` is at least two. If that item
 * is gone, the walk goes back until it finds an item that it has seen.
 */
export async function* walk<T>(
  read: (page: { readonly limit: number; readonly offset: number }) => Promise<Page<T>>,
  limit = PAGE,
): AsyncGenerator<T, void> {
  const seen = new Set<unknown>();
  let next = 0;
  for (;;) {
    let offset = Math.max(0, next - OVERLAP);
    let page = await read({ limit, offset });
    while (offset > 0 && !seen.has(identity(page.items[0]))) {
      offset = Math.max(0, offset - limit);
      page = await read({ limit, offset });
    }
    for (const item of page.items) {
      const id = identity(item);
      if (seen.has(id)) continue;
      seen.add(id);
      yield item;
    }
    if (page.items.length < page.limit) return;
    next = offset + page.items.length;
  }
}

/** Returns what identifies an item within its list. */
function identity(item: unknown): unknown {
  const { id, key_name, session_id, name }: Readonly<Record<string, unknown>> = { ...(typeof item === 'object' ? item : {}) };
  return id ?? key_name ?? session_id ?? name ?? JSON.stringify(item);
}
