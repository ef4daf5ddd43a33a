import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { EventLog } from '../domain/event-log.ts';
import type { DeltaNews, EventPosition, LogNews, StoredEvent } from '../domain/events.ts';
import type { EventScope, EventWatcher } from './api.ts';
import { Audience, isInScope, type Listener, type OwnerOf } from './audience.ts';
import type { News } from './news.ts';

const PAGE = 200;
/** The newest number is announced each second. When nobody has for this long, the event log is asked. */
const SILENCE_MS = 1_500;

/**
 * The one place of a controller process where news of events becomes an ordered list without a gap or a double.
 *
 * 1. An event is taken when its number follows the last one, whether the applier of this process tells (`committed`) or the bus.
 * 2. Whatever else is heard only says how far there is to go; what is missing is read from the event log.
 * 3. When nothing is heard, the event log is asked. So a bus that is down, or loses, doubles and mixes up, costs time and never an event.
 * 4. A watcher that starts in the past is read its events page by page, and joins the others once it has seen what they have.
 * 5. Partial output and log lines are passed on as they come, to watchers that are up to date.
 */
export class Tail {
  readonly #events: EventLog;
  readonly #news: News;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ownerOf: OwnerOf;
  readonly #audience: Audience;
  readonly #listeners = new Set<Listener>();
  #hearing: { close(): void } | undefined;
  #silence: Timer | undefined;
  #filling: Timer | undefined;
  /** All up to here were given to the audience. */
  #last: number;
  /** There is an event of this number, somebody says. */
  #known: number;
  #closed = false;

  /** Without `ownerOf`, watchers see by space alone. */
  constructor(options: { events: EventLog; news: News; clock: Clock; log: Log; ownerOf?: OwnerOf }) {
    this.#ownerOf = options.ownerOf ?? (() => undefined);
    this.#audience = new Audience(this.#ownerOf);
    this.#events = options.events;
    this.#news = options.news;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#last = options.events.newest();
    this.#known = this.#last;
  }

  start(): void {
    this.#hearing = this.#news.listen({
      event: (epoch, event) => {
        if (epoch === this.#events.epoch) this.#hear(event);
      },
      newest: (position) => {
        if (position.epoch !== this.#events.epoch) return;
        this.#awaitNews();
        this.#reach(position.number);
      },
      delta: (delta) => this.#passOn(delta, (watcher) => watcher.delta(delta)),
      log: (line) => this.#passOn(line, (watcher) => watcher.log(line)),
    });
    this.#awaitNews();
  }

  /** Events that were just committed in this process: its watchers get them at once, whatever the bus does. */
  committed(events: readonly StoredEvent[]): void {
    for (const event of events) this.#hear(event);
  }

  /** @see Events.watch in api.ts. The watcher is never called before this has returned. */
  watch(scope: EventScope, after: EventPosition | undefined, watcher: EventWatcher): { close(): void } {
    const newest = this.#events.newest();
    const listener: Listener = { scope, watcher, seen: after?.number ?? newest, closed: false };
    this.#listeners.add(listener);
    if (this.#closed) this.#clock.soon(() => this.#end(listener));
    else if (after === undefined) this.#audience.add(listener);
    else this.#clock.soon(() => this.#begin(listener, after));
    return { close: () => this.#drop(listener) };
  }

  /**
   * Resolves with the first event from now on that passes the test, or with undefined when the signal aborts or the tail is closed.
   * Call it before looking at the state, so that nothing happens unseen in between.
   */
  whenEvent(scope: EventScope, test: (event: StoredEvent) => boolean, signal: AbortSignal): Promise<StoredEvent | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const settle = (event: StoredEvent | undefined) => {
        signal.removeEventListener('abort', abort);
        watching.close();
        resolve(event);
      };
      const abort = () => settle(undefined);
      const watching = this.watch(scope, undefined, {
        event: (event) => {
          if (test(event)) settle(event);
          return true;
        },
        delta: () => true,
        log: () => true,
        reset: () => true,
        end: abort,
      });
      signal.addEventListener('abort', abort);
    });
  }

  /** Ends every watcher. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hearing?.close();
    this.#silence?.cancel();
    this.#filling?.cancel();
    for (const listener of [...this.#listeners]) this.#end(listener);
  }

  #awaitNews(): void {
    this.#silence?.cancel();
    this.#silence = this.#clock.after(SILENCE_MS, () => {
      this.#awaitNews();
      this.#reach(this.#events.newest());
    });
  }

  #hear(event: StoredEvent): void {
    if (this.#closed) return;
    if (event.number === this.#last + 1) this.#take(event);
    else this.#reach(event.number);
  }

  #take(event: StoredEvent): void {
    this.#last = event.number;
    this.#known = Math.max(this.#known, event.number);
    for (const listener of this.#audience.of(event)) {
      if (event.number > listener.seen) this.#give(listener, event);
    }
  }

  #reach(number: number): void {
    this.#known = Math.max(this.#known, number);
    if (this.#known > this.#last && this.#filling === undefined && !this.#closed) this.#fill();
  }

  /** One page at a time, so that a long way does not hold up the process. */
  #fill(): void {
    this.#filling = undefined;
    const page = this.#events.after(this.#last, PAGE);
    const first = page[0];
    if (first === undefined) {
      // Said to be there, and is not: not of this store. The next announcement is judged anew.
      this.#known = this.#last;
      return;
    }
    if (first.number !== this.#last + 1) this.#skipPruned(first.number - 1);
    for (const event of page) if (event.number === this.#last + 1) this.#take(event);
    if (this.#known > this.#last) this.#filling = this.#clock.soon(() => this.#fill());
  }

  /** Retention was faster than this process: nobody can be given what is gone. */
  #skipPruned(upTo: number): void {
    this.#log.warn('tail.pruned', { after: this.#last, upTo });
    this.#last = upTo;
    for (const listener of this.#audience.all()) {
      if (listener.seen < upTo) this.#reset(listener, upTo);
    }
  }

  #begin(listener: Listener, after: EventPosition): void {
    if (listener.closed) return;
    const newest = this.#events.newest();
    const isGone = after.epoch !== this.#events.epoch || after.number > newest || after.number < this.#events.oldest() - 1;
    if (isGone && !this.#reset(listener, newest)) return;
    this.#catchUp(listener);
  }

  #catchUp(listener: Listener): void {
    if (listener.closed || this.#closed) return;
    if (listener.seen < this.#last) {
      const page = this.#events.after(listener.seen, PAGE);
      const first = page[0];
      const isWhole = first?.number === listener.seen + 1;
      if (!isWhole && !this.#reset(listener, Math.max(this.#last, this.#events.newest()))) return;
      for (const event of page) {
        if (event.number <= listener.seen) continue;
        listener.seen = event.number;
        if (isInScope(listener.scope, event, this.#ownerOf) && !this.#give(listener, event)) return;
      }
    }
    if (listener.seen >= this.#last) this.#audience.add(listener);
    else this.#clock.soon(() => this.#catchUp(listener));
  }

  #reset(listener: Listener, number: number): boolean {
    listener.seen = number;
    return this.#call(listener, (watcher) => watcher.reset({ epoch: this.#events.epoch, number }));
  }

  #give(listener: Listener, event: StoredEvent): boolean {
    return this.#call(listener, (watcher) => watcher.event(event, { epoch: this.#events.epoch, number: event.number }));
  }

  #passOn(thing: DeltaNews | LogNews, give: (watcher: EventWatcher) => boolean): void {
    for (const listener of this.#audience.of(thing)) this.#call(listener, give);
  }

  /** False when the watcher is closed, now or before: because it took no more, or failed. */
  #call(listener: Listener, give: (watcher: EventWatcher) => boolean): boolean {
    if (listener.closed) return false;
    try {
      if (give(listener.watcher)) return !listener.closed;
    } catch (error) {
      this.#log.error('tail.watcher_failed', { error: error instanceof Error ? error.message : String(error) });
    }
    this.#end(listener);
    return false;
  }

  #end(listener: Listener): void {
    if (listener.closed) return;
    this.#drop(listener);
    try {
      listener.watcher.end();
    } catch (error) {
      this.#log.error('tail.watcher_failed', { error: error instanceof Error ? error.message : String(error) });
    }
  }

  #drop(listener: Listener): void {
    listener.closed = true;
    this.#listeners.delete(listener);
    this.#audience.remove(listener);
  }
}
