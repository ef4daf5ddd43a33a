import type { SessionId, SpaceId } from '../../../../controller/domain/engine/ids.ts';
import type { EventLog, EventPage, PageBounds } from '../../../../controller/domain/events/event-log.ts';
import type { EventType, StoredEvent } from '../../../../controller/domain/events/events.ts';

/** An event log in memory, whose events a test commits and prunes. */
export class MemoryLog implements EventLog {
  readonly epoch: number;
  reads = 0;
  #events: StoredEvent[] = [];
  readonly #removed: StoredEvent[] = [];
  #newest = 0;
  #published = 0;

  constructor(epoch = 1) {
    this.epoch = epoch;
  }

  commit(event: { type?: EventType; space?: SpaceId | null; session?: SessionId | null; data?: Record<string, unknown> }): StoredEvent {
    this.#newest += 1;
    const stored: StoredEvent = {
      number: this.#newest,
      sessionNumber: null,
      type: event.type ?? 'session.state',
      spaceId: event.space ?? null,
      sessionId: event.session ?? null,
      at: this.#newest,
      data: event.data ?? {},
    };
    this.#events.push(stored);
    return stored;
  }

  /** Keeps the newest, as the store does. */
  prune(upTo: number): void {
    const isKept = (event: StoredEvent) => event.number > upTo || event.number === this.#newest;
    this.#removed.push(...this.#events.filter((event) => !isKept(event)));
    this.#events = this.#events.filter(isKept);
  }

  newest(): number {
    return this.#newest;
  }

  oldest(): number {
    return this.#events[0]?.number ?? this.#newest + 1;
  }

  async after(after: number, { limit }: Pick<PageBounds, 'limit'>, session?: SessionId): Promise<EventPage> {
    this.reads += 1;
    const found = this.#events.filter((event) => event.number > after && (session === undefined || event.sessionId === session));
    const events = found.slice(0, limit);
    const last = events.at(-1);
    const reached = last !== undefined && events.length === limit ? last.number : Math.max(after, this.#newest);
    const isAsked = ({ number, sessionId }: StoredEvent) =>
      number > after && number <= reached && (session === undefined || sessionId === session);
    return { events, reached, gap: this.#removed.some(isAsked) };
  }

  published(): number {
    return this.#published;
  }

  async markPublished(number: number): Promise<void> {
    this.#published = number;
  }
}
