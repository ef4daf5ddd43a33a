import type { Clock, Timer } from '../../../seams/clock.ts';
import { pause } from '../../../seams/clock.ts';
import { ConnectError } from '../connect/codes.ts';

/** Watchers of one sandbox, and events that wait in one. Beyond it the oldest are dropped. */
const MAX_WATCHERS = 16;
const MAX_EVENTS = 10_000;
/** Of the events that wait, as JSON: in one watcher, and in all, where the fullest loses first. */
export const WAITING_BYTES = { watcher: 2 * 1024 * 1024, all: 64 * 1024 * 1024 } as const;
const IDLE_MS = 10 * 60_000;
/** What was written before the question has arrived by then. */
const SETTLE_MS = 50;

interface Watcher {
  /** As JSON, the oldest first. */
  events: string[];
  bytes: number;
  readonly over: AbortController;
  timer: Timer;
}

/** Watches that outlive their request, and whose events their client asks for. */
export class Watchers {
  readonly #clock: Clock;
  readonly #all = new Map<string, Map<string, Watcher>>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves once the watch has begun. */
  async open(sandbox: string, id: string, watch: (signal: AbortSignal) => AsyncGenerator<object | 'ready'>): Promise<void> {
    const those = this.#all.get(sandbox) ?? new Map<string, Watcher>();
    if (those.size >= MAX_WATCHERS)
      throw new ConnectError('resource_exhausted', `A sandbox has at most ${MAX_WATCHERS} watchers. Remove one, then retry.`);
    const watcher: Watcher = {
      ...{ events: [], bytes: 0, over: new AbortController(), timer: this.#clock.after(IDLE_MS, () => this.#end(sandbox, id)) },
    };
    this.#all.set(sandbox, those.set(id, watcher));
    const begun = Promise.withResolvers<void>();
    this.#read(watch(watcher.over.signal), watcher, begun.resolve)
      .then(() => begun.resolve(), begun.reject)
      .finally(() => this.#end(sandbox, id));
    await begun.promise;
  }

  /** Returns and forgets the events. */
  async take(sandbox: string, id: string): Promise<readonly object[]> {
    const watcher = this.#find(sandbox, id);
    await pause(this.#clock, SETTLE_MS);
    watcher.timer.cancel();
    watcher.timer = this.#clock.after(IDLE_MS, () => this.#end(sandbox, id));
    const { events } = watcher;
    watcher.events = [];
    this.#count(watcher, -watcher.bytes);
    return events.map((event) => JSON.parse(event) as object);
  }

  remove(sandbox: string, id: string): void {
    this.#find(sandbox, id);
    this.#end(sandbox, id);
  }

  async #read(from: AsyncGenerator<object | 'ready'>, watcher: Watcher, ready: () => void): Promise<void> {
    for await (const event of from) {
      if (watcher.over.signal.aborted) return;
      if (event === 'ready') ready();
      else this.#keep(watcher, JSON.stringify(event));
    }
  }

  #keep(watcher: Watcher, event: string): void {
    watcher.events.push(event);
    this.#count(watcher, event.length);
    while (watcher.events.length > MAX_EVENTS || watcher.bytes > WAITING_BYTES.watcher) this.#drop(watcher, 1);
    // Half at once, so that the fullest is seldom looked for.
    while (this.#bytes > WAITING_BYTES.all) {
      const fullest = this.#fullest();
      this.#drop(fullest, Math.ceil(fullest.events.length / 2));
    }
  }

  #fullest(): Watcher {
    return [...this.#all.values()].flatMap((those) => [...those.values()]).reduce((a, b) => (b.bytes > a.bytes ? b : a));
  }

  #drop(watcher: Watcher, count: number): void {
    for (const { length } of watcher.events.splice(0, count)) this.#count(watcher, -length);
  }

  #count(watcher: Watcher, bytes: number): void {
    watcher.bytes += bytes;
    this.#bytes += bytes;
  }

  #find(sandbox: string, id: string): Watcher {
    const watcher = this.#all.get(sandbox)?.get(id);
    if (watcher === undefined) throw new ConnectError('not_found', 'The watcher does not exist.');
    return watcher;
  }

  #end(sandbox: string, id: string): void {
    const those = this.#all.get(sandbox);
    const watcher = those?.get(id);
    if (those === undefined || watcher === undefined) return;
    watcher.timer.cancel();
    watcher.over.abort();
    watcher.events = [];
    this.#count(watcher, -watcher.bytes);
    those.delete(id);
    if (those.size === 0) this.#all.delete(sandbox);
  }
}
