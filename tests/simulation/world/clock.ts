import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Life } from './life.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const isSooner = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Wall time at the start of every run: Unix milliseconds. */
export const BEGAN_AT = 1_800_000_000_000;

/**
 * Time as a queue of events: it jumps from one to the next, and stands still while one is handled.
 * All promises settle between two events, so this queue defines the order of everything.
 */
export class SimulatedTime {
  #now = 0;
  #order = 0;
  #heap: Entry[] = [];
  #handled = 0;
  readonly #held = new Set<Promise<unknown>>();
  /** Called with errors of event handlers. */
  onFault: (fault: unknown) => void = (fault) => {
    throw fault;
  };

  /** Called after each event. Returns true to end the world: nothing more is handled. */
  isOver: () => boolean = () => false;

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  get handled(): number {
    return this.#handled;
  }

  schedule(delayMs: number, run: () => void): Timer {
    this.#order += 1;
    const entry: Entry = { at: this.#now + Math.max(0, delayMs), order: this.#order, run };
    this.#push(entry);
    return {
      cancel: () => {
        entry.run = undefined;
      },
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.schedule(delayMs, resolve));
  }

  /** Stops time until this settles: for real work of this machine that takes no simulated time. */
  hold<T>(work: Promise<T>): Promise<T> {
    this.#held.add(work);
    const release = () => void this.#held.delete(work);
    work.then(release, release);
    return work;
  }

  /** Handles events up to `untilMs`, or until `done` returns true after an event. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    await this.#settle();
    while (!done() && !this.isOver()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > untilMs) break;
      this.#pop();
      if (next.run === undefined) continue;
      this.#now = next.at;
      this.#handled += 1;
      try {
        next.run();
      } catch (fault) {
        this.onFault(fault);
      }
      await this.#settle();
    }
    if (!done()) this.#now = Math.max(this.#now, untilMs);
  }

  async #settle(): Promise<void> {
    await settle();
    while (this.#held.size > 0) {
      await Promise.allSettled(this.#held);
      await settle();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isSooner(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      let child = left;
      if (left !== undefined && right !== undefined && isSooner(right, left)) {
        below += 1;
        child = right;
      }
      if (child === undefined || !isSooner(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

/** Lets all promises settle: the real loop's next turn comes after all microtasks. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A machine's wall clock, which can jump. */
export interface WallClock {
  skewMs: number;
}

/** The clock of one process: its timers end with it, and wait while it is stopped. */
export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  readonly #life: Life;
  readonly #wall: WallClock;

  constructor(time: SimulatedTime, life: Life, wall: WallClock) {
    this.#time = time;
    this.#life = life;
    this.#wall = wall;
  }

  now(): number {
    return Math.floor(BEGAN_AT + this.#time.now + this.#wall.skewMs);
  }

  monotonic(): number {
    return this.#time.now;
  }

  sinceBoot(): { readonly id: string; readonly ms: number } {
    return { id: 'boot', ms: this.#time.now };
  }

  after(delayMs: number, run: () => void): Timer {
    let cancelled = false;
    const timer = this.#time.schedule(delayMs, () => this.#life.run(() => cancelled || run()));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  soon(run: () => void): Timer {
    return this.after(0, run);
  }
}
