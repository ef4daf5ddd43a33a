import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { EventLog, EventPage } from '../../domain/events/event-log.ts';
import type { DeltaNews, EventPosition, StoredEvent } from '../../domain/events/events.ts';
import type { Loops } from '../engine/loops.ts';
import { TimeSlices } from '../engine/time-slices.ts';
import { Audience, isInScope, type Listener, type OwnerOf } from './audience.ts';
import type { News } from './news.ts';
import { OrderedEvents } from './ordered-events.ts';
import { RecentEvents } from './recent-events.ts';
import { PAGE_EVENTS, SharedPages } from './shared-pages.ts';
import type { EventScope, EventWatcher, Taken, Watching } from './watching.ts';

/** Delay after a failed read. */
const RETRY_MS = 1_000;
/** The newest events, for watchers that are a little behind. */
const RECENT = { maxBytes: 16 * 1024 * 1024, maxEvents: 10_000 };

export interface TailDeps {
  readonly loops: Pick<Loops, 'open'>;
  readonly events: EventLog;
  readonly news: News;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Without it, permissions by space decide alone. */
  readonly ownerOf?: OwnerOf;
}

/**
 * Turns the news of this process and of the bus into one ordered list of events, without gaps or
 * duplicates, for all watchers.
 * 1. It accepts an event that follows the last one, from a commit of this process or from the bus.
 * 2. Any other news only shows that events are missing. They are read from the event log.
 * 3. During silence, it reads the event log. A bus that is down, or loses, duplicates or reorders
 *    messages, costs time but never an event.
 * 4. A watcher that starts in the past reads pages until it has caught up with the others.
 * 5. A full watcher costs only its position until it resumes. Then it starts in the past.
 * 6. Partial output and log lines go directly to watchers that are up to date and have room.
 */
export class Tail {
  readonly #events: EventLog;
  readonly #news: News;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ownerOf: OwnerOf;
  readonly #audience: Audience;
  readonly #pages: SharedPages;
  readonly #order: OrderedEvents;
  /** Delivers pages to watchers that are behind. */
  readonly #slices: TimeSlices;
  readonly #recent = new RecentEvents(RECENT);
  readonly #listeners = new Set<Listener>();
  readonly #dropped: Counter<'kind'>;
  readonly #resets: Counter;
  #hearing: { close(): void } | undefined;
  #closed = false;

  constructor({ loops, events, news, clock, log, metrics = silentMetrics, ownerOf = () => undefined }: TailDeps) {
    this.#events = events;
    this.#news = news;
    this.#clock = clock;
    this.#log = log;
    this.#ownerOf = ownerOf;
    this.#audience = new Audience(ownerOf);
    this.#pages = new SharedPages(events, clock, metrics);
    this.#slices = new TimeSlices(clock);
    this.#order = new OrderedEvents({
      loops,
      events,
      clock,
      log,
      read: (after) => this.#pages.after(after),
      take: (event) => this.#take(event),
      pruned: (upTo) => this.#resetTo(upTo),
    });
    this.#dropped = metrics.counter({
      name: 'watcher_drops_total',
      help: 'Deltas and log lines dropped because a watcher had no room.',
      labels: ['kind'],
    });
    this.#resets = metrics.counter({
      name: 'watcher_resets_total',
      help: 'Watchers reset because the events after their position are pruned.',
    });
    metrics.gauge({
      name: 'tail_lag_events',
      help: 'Announced events that are not delivered to watchers yet.',
      read: () => this.#order.lag,
    });
    metrics.gauge({
      name: 'watchers',
      help: 'Event watchers: live, behind, or full and waiting for their client.',
      labels: ['state'],
      read: () =>
        (['live', 'behind', 'full'] as const).map((state) => ({
          labels: { state },
          value: [...this.#listeners].filter((listener) => listener.state === state).length,
        })),
    });
  }

  start(): void {
    this.#hearing = this.#news.listen({
      event: (epoch, event) => {
        if (epoch === this.#events.epoch) this.#order.hear(event);
      },
      newest: (position) => {
        if (position.epoch === this.#events.epoch) this.#order.announced(position.number);
      },
      delta: (delta) => this.delta(delta),
    });
    this.#order.start();
  }

  /** Delivers events committed in this process at once, whatever the state of the bus. */
  committed(events: readonly StoredEvent[]): void {
    for (const event of events) this.#order.hear(event);
  }

  /** Partial output of a run. */
  delta(delta: DeltaNews): void {
    for (const listener of this.#audience.of(delta)) {
      if (this.#call(listener, (watcher) => watcher.delta(delta)) === 'full') this.#dropped.add(1, { kind: 'delta' });
    }
  }

  /** Opens a watch; see eventService.watch. Never calls the watcher before it returns. */
  watch(scope: EventScope, after: EventPosition | undefined, watcher: EventWatcher): Watching {
    const seen = after?.number ?? this.#events.newest();
    const listener: Listener = { scope, watcher, state: after === undefined ? 'live' : 'behind', seen, resetTo: undefined };
    this.#listeners.add(listener);
    if (this.#closed) this.#clock.soon(() => this.#end(listener));
    else if (after === undefined) this.#audience.add(listener);
    else this.#slices.add(() => this.#begin(listener, after));
    return {
      resume: () => {
        if (listener.state !== 'full') return;
        listener.state = 'behind';
        this.#slices.add(() => this.#catchUp(listener));
      },
      close: () => this.#drop(listener),
    };
  }

  /** Ends every watcher. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hearing?.close();
    this.#order.close();
    this.#slices.close();
    for (const listener of [...this.#listeners]) this.#end(listener);
  }

  #take(event: StoredEvent): void {
    this.#recent.push(event);
    for (const listener of this.#audience.of(event)) {
      if (event.number <= listener.seen || this.#give(listener, event) !== 'full') continue;
      this.#audience.remove(listener);
      listener.seen = Math.max(listener.seen, event.number - 1);
    }
  }

  /** Returns undefined if the event log cannot be read now. */
  async #read({ seen: after, scope }: Listener): Promise<EventPage | undefined> {
    try {
      return await this.#pages.after(after, scope.session);
    } catch (error) {
      if (!this.#closed) this.#log.error('tail.read_failed', { after, error: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  /** Resets live watchers that missed pruned events. */
  #resetTo(upTo: number): void {
    for (const listener of this.#audience.all()) {
      if (listener.seen >= upTo) continue;
      this.#audience.remove(listener);
      listener.state = 'behind';
      listener.resetTo = upTo;
      this.#catchUp(listener);
    }
  }

  #begin(listener: Listener, after: EventPosition): void {
    if (listener.state === 'closed') return;
    const newest = this.#events.newest();
    if (after.epoch !== this.#events.epoch || after.number > newest || after.number < this.#events.oldest() - 1) listener.resetTo = newest;
    this.#catchUp(listener);
  }

  #catchUp(listener: Listener): void {
    if (listener.state !== 'behind' || this.#closed) return;
    if (listener.resetTo !== undefined && this.#reset(listener, listener.resetTo) !== 'more') return;
    if (listener.seen >= this.#order.last) {
      listener.state = 'live';
      this.#audience.add(listener);
      return;
    }
    const recent = this.#recent.after(listener.seen, PAGE_EVENTS);
    if (recent === undefined) void this.#catchUpFromStore(listener);
    else if (this.#giveAll(listener, recent)) this.#goOn(listener);
  }

  async #catchUpFromStore(listener: Listener): Promise<void> {
    const page = await this.#read(listener);
    // First, so that pages do not pile up.
    this.#slices.add(() => this.#givePage(listener, page), { urgent: true });
  }

  #givePage(listener: Listener, page: EventPage | undefined): void {
    if (listener.state !== 'behind' || this.#closed) return;
    const before = listener.seen;
    if (page !== undefined) {
      if (page.gap) listener.resetTo = Math.max(this.#order.last, this.#events.newest());
      else if (this.#giveAll(listener, page.events)) listener.seen = Math.max(listener.seen, page.reached);
      else return;
      if (page.gap || listener.seen > before) return this.#goOn(listener);
    }
    this.#clock.after(RETRY_MS, () => this.#catchUp(listener));
  }

  /** Continues in the listener's next turn, unless it is closed. */
  #goOn(listener: Listener): void {
    if (listener.seen >= this.#order.last) this.#catchUp(listener);
    else this.#slices.add(() => this.#catchUp(listener));
  }

  /** Returns whether the watcher accepted all events in its scope. */
  #giveAll(listener: Listener, events: readonly StoredEvent[]): boolean {
    for (const event of events) {
      if (event.number <= listener.seen) continue;
      if (isInScope(listener.scope, event, this.#ownerOf) && this.#give(listener, event) !== 'more') return false;
      listener.seen = event.number;
    }
    return true;
  }

  #reset(listener: Listener, number: number): Taken {
    const taken = this.#call(listener, (watcher) => watcher.reset({ epoch: this.#events.epoch, number }));
    if (taken === 'full') listener.state = 'full';
    if (taken !== 'more') return taken;
    this.#resets.add();
    listener.resetTo = undefined;
    listener.seen = number;
    return taken;
  }

  #give(listener: Listener, event: StoredEvent): Taken {
    const taken = this.#call(listener, (watcher) => watcher.event(event, { epoch: this.#events.epoch, number: event.number }));
    if (taken === 'full') listener.state = 'full';
    return taken;
  }

  /** Returns `over` if the watcher is closed or throws. */
  #call(listener: Listener, give: (watcher: EventWatcher) => Taken): Taken {
    if (listener.state === 'closed') return 'over';
    try {
      const taken = give(listener.watcher);
      if (taken !== 'over') return isClosed(listener) ? 'over' : taken;
    } catch (error) {
      this.#log.error('tail.watcher_failed', { error: error instanceof Error ? error.message : String(error) });
    }
    this.#end(listener);
    return 'over';
  }

  #end(listener: Listener): void {
    if (listener.state === 'closed') return;
    this.#drop(listener);
    try {
      listener.watcher.end();
    } catch (error) {
      this.#log.error('tail.watcher_failed', { error: error instanceof Error ? error.message : String(error) });
    }
  }

  #drop(listener: Listener): void {
    listener.state = 'closed';
    this.#listeners.delete(listener);
    this.#audience.remove(listener);
  }
}

/** A separate call: the watcher can have closed it, which the compiler cannot see. */
const isClosed = ({ state }: Listener): boolean => state === 'closed';
