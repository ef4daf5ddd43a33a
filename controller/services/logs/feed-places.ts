/** Maximum number of open feeds: of all spaces, of one space, and to one node. */
export const MAX_OPEN_FEEDS = { all: 1_000, ofSpace: 256, ofNode: 128 } as const;
/** Feeds of one space that change places in one turn. */
const MAX_SWAPS = 32;

/** Where a feed's stream leads. */
export interface Route {
  readonly space: string;
  readonly node: string;
}

/**
 * Decides which feeds have an open stream where there are more than places. The others wait, and
 * `turn` names open feeds that make room for them: those that heard a line the longest ago.
 */
export class FeedPlaces<Key extends string> {
  /** Open feeds, with the time of their newest line. */
  readonly #open = new Map<Key, { readonly route: Route; atMs: number }>();
  readonly #counts = new Map<string, number>();
  /** In order of arrival. Those of sessions that do something come first. */
  readonly #urgent = new Map<Key, Route>();
  readonly #waiting = new Map<Key, Route>();

  get open(): number {
    return this.#open.size;
  }

  get waiting(): number {
    return this.#urgent.size + this.#waiting.size;
  }

  /** Takes a place, or waits for one. Returns whether the feed has a place. */
  take(key: Key, route: Route, nowMs: number): boolean {
    if (this.#open.has(key)) return true;
    if (this.#hasRoom(route)) {
      this.#enter(key, route, nowMs);
      return true;
    }
    if (!this.#urgent.has(key)) this.#waiting.set(key, route);
    return false;
  }

  /** Moves a feed that waits ahead of the others, because its session does something. */
  hurry(key: Key): void {
    const route = this.#waiting.get(key);
    if (route === undefined) return;
    this.#waiting.delete(key);
    this.#urgent.set(key, route);
  }

  heard(key: Key, nowMs: number): void {
    const place = this.#open.get(key);
    if (place !== undefined) place.atMs = nowMs;
  }

  /**
   * Frees the place of a feed, or ends its wait. Returns the waiting feed that has the place now,
   * if one fits.
   */
  free(key: Key, nowMs: number): Key | undefined {
    this.#leave(key);
    const place = this.#open.get(key);
    if (place === undefined) return undefined;
    this.#open.delete(key);
    this.#count(place.route, -1);
    for (const [waiting, route] of this.#inOrder()) {
      if (!this.#hasRoom(route)) continue;
      this.#enter(waiting, route, nowMs);
      return waiting;
    }
    return undefined;
  }

  /** Returns open feeds to close, so that as many that wait can open. */
  turn(): readonly Key[] {
    const quiet = [...this.#open].sort(([, a], [, b]) => a.atMs - b.atMs);
    const closed = new Set<Key>();
    const swaps = new Map<string, number>();
    for (const [, route] of this.#inOrder()) {
      const done = swaps.get(route.space) ?? 0;
      if (done >= MAX_SWAPS) continue;
      const fits = this.#blockedBy(route);
      const victim = quiet.find(([key, place]) => !closed.has(key) && fits(place.route));
      if (victim === undefined) continue;
      closed.add(victim[0]);
      swaps.set(route.space, done + 1);
    }
    return [...closed];
  }

  *#inOrder(): Iterable<readonly [Key, Route]> {
    yield* this.#urgent;
    yield* this.#waiting;
  }

  #hasRoom(route: Route): boolean {
    return this.#full(route) === undefined;
  }

  #full({ space, node }: Route): 'space' | 'node' | 'all' | undefined {
    if (this.#sizeOf(`space ${space}`) >= MAX_OPEN_FEEDS.ofSpace) return 'space';
    if (this.#sizeOf(`node ${node}`) >= MAX_OPEN_FEEDS.ofNode) return 'node';
    return this.#open.size >= MAX_OPEN_FEEDS.all ? 'all' : undefined;
  }

  /** Returns a test for the feeds one of which has to close for a feed of this route. */
  #blockedBy(route: Route): (other: Route) => boolean {
    const full = this.#full(route);
    // With room, the feed opens by itself.
    if (full === undefined) return () => false;
    return full === 'all' ? () => true : (other) => other[full] === route[full];
  }

  #enter(key: Key, route: Route, nowMs: number): void {
    this.#leave(key);
    this.#open.set(key, { route, atMs: nowMs });
    this.#count(route, 1);
  }

  #leave(key: Key): void {
    this.#urgent.delete(key);
    this.#waiting.delete(key);
  }

  #sizeOf(group: string): number {
    return this.#counts.get(group) ?? 0;
  }

  #count({ space, node }: Route, by: 1 | -1): void {
    for (const group of [`space ${space}`, `node ${node}`]) {
      const size = this.#sizeOf(group) + by;
      if (size === 0) this.#counts.delete(group);
      else this.#counts.set(group, size);
    }
  }
}
