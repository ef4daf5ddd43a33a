const PAGE = 1000;
/** How many of the items before it each page shows again. */
const OVERLAP = 1;

interface Page<T> {
  readonly items: readonly T[];
  /** How many the server had room for: fewer than asked for where the page ended early for its size in bytes. */
  readonly limit: number;
}

/**
 * Every item of a list that changes while it is read. What is there from the beginning to the end of the walk comes exactly once. What is
 * made meanwhile may be missing (lists are newest first), what is removed meanwhile may be among them.
 *
 * Pages are cut by number, so each removal moves the rest forward past the next cut. Each page therefore begins with the last item of the one
 * before, which is why `limit` is at least two, and the server has room for two items of any size; where it does not, the walk goes back until
 * it finds an item that it knows, and leaves out those.
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

/** What tells the things of one list apart. */
function identity(item: unknown): unknown {
  const { id, key_name, session_id, name }: Readonly<Record<string, unknown>> = { ...(typeof item === 'object' ? item : {}) };
  return id ?? key_name ?? session_id ?? name ?? JSON.stringify(item);
}
