import type { Clock } from '../../../seams/clock.ts';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import type { EventLog, EventPage } from '../../domain/events/event-log.ts';
import { weightOf } from './event-weight.ts';

export const PAGE_EVENTS = 200;
export const PAGE_BYTES = 1024 * 1024;
/** Reads in progress, each of which can return a full page. */
const MAX_READS = 4;
/** Cached pages, for the next watchers that need the same. */
const KEPT_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly session: SessionId | undefined;
  readonly after: number;
  readonly page: EventPage;
  readonly bytes: number;
}

/**
 * Shares reads of the event log: after a restart, every watcher returns with nearly the same
 * position. Pages of all events are aligned to multiples of their length, so that nearby positions
 * share them.
 */
export class SharedPages {
  readonly #events: Pick<EventLog, 'after'>;
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #reading = new Map<string, Promise<EventPage>>();
  /** Least recently used first. */
  readonly #kept = new Set<Kept>();
  readonly #keptOf = new Map<SessionId | undefined, Set<Kept>>();
  readonly #waiting: (() => void)[] = [];
  readonly #pages: Counter<'from'>;
  #keptBytes = 0;
  #reads = 0;

  constructor(events: Pick<EventLog, 'after'>, clock: Pick<Clock, 'soon'>, metrics: Metrics) {
    this.#events = events;
    this.#clock = clock;
    this.#pages = metrics.counter({
      name: 'event_pages_total',
      help: 'Pages of events that watchers needed, by where they came from.',
      labels: ['from'],
    });
  }

  /**
   * Returns a shared page with the events after that number, and perhaps some before, of one
   * session or of all.
   */
  after(number: number, session?: SessionId): Promise<EventPage> {
    const key = session === undefined ? String(number) : `${session} ${number}`;
    const kept = this.#find(number, session);
    if (kept !== undefined) {
      this.#pages.add(1, { from: 'memory' });
      this.#kept.delete(kept);
      this.#kept.add(kept);
      return Promise.resolve(kept.page);
    }
    const known = this.#reading.get(key);
    if (known !== undefined) {
      this.#pages.add(1, { from: 'shared_read' });
      return known;
    }
    this.#pages.add(1, { from: 'store' });
    const reading = this.#read(number, session)
      .then((page) => {
        this.#keep(number, session, page);
        return page;
      })
      .finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  async #read(number: number, session: SessionId | undefined): Promise<EventPage> {
    // A waiting read takes the place of the one that ended.
    if (this.#reads < MAX_READS) this.#reads += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      const limit = session === undefined ? PAGE_EVENTS - (number % PAGE_EVENTS) : PAGE_EVENTS;
      return await this.#events.after(number, { limit, maxBytes: PAGE_BYTES }, session);
    } finally {
      // In the next turn, so that pages arrive no faster than they are delivered.
      this.#clock.soon(() => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#reads -= 1;
        else next();
      });
    }
  }

  /**
   * Finds a page that starts at or contains the position: a full watcher stops in the middle of
   * one.
   */
  #find(number: number, session: SessionId | undefined): Kept | undefined {
    for (const kept of this.#keptOf.get(session) ?? []) {
      if (kept.after === number || (kept.after < number && number < kept.page.reached && !kept.page.gap)) return kept;
    }
    return undefined;
  }

  /** A cached page never gets stale: events do not change, and a page says how far it goes. */
  #keep(after: number, session: SessionId | undefined, page: EventPage): void {
    if (page.reached === after) return;
    const kept = { session, after, page, bytes: page.events.reduce((sum, event) => sum + weightOf(event), 256) };
    this.#kept.add(kept);
    this.#keptOf.set(session, (this.#keptOf.get(session) ?? new Set()).add(kept));
    this.#keptBytes += kept.bytes;
    for (const oldest of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES || this.#kept.size === 1) return;
      this.#forget(oldest);
    }
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    this.#keptBytes -= kept.bytes;
    const others = this.#keptOf.get(kept.session);
    others?.delete(kept);
    if (others?.size === 0) this.#keptOf.delete(kept.session);
  }
}
