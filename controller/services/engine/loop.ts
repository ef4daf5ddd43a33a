import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';

/** Delay before the first retry, doubled with each failure in a row, up to a maximum. */
export const RETRY = { firstMs: 1_000, maxMs: 30_000 } as const;
/** Timers do not notice that a machine slept, so later deadlines are checked this often. */
const MAX_TIMER_MS = 10 * 60_000;

/**
 * Milliseconds until a key is due again: 0 means at once, behind waiting keys; undefined means when
 * it is woken.
 */
export type Due = number | undefined;

export interface LoopWork<Key extends string> {
  /**
   * Brings what `key` names up to date with the current state. Must be idempotent: a run can find
   * nothing to do. A failure is retried with back-off. `closing` aborts when the loop closes.
   */
  run(key: Key, closing: AbortSignal): Due | Promise<Due>;
  /**
   * Number of keys that run at the same time, and that start in one turn of the event loop. Default
   * 1.
   */
  readonly concurrency?: number;
  readonly retry?: { readonly firstMs: number; readonly maxMs: number };
}

/** How a run ended. */
export interface Ran<Key extends string> {
  readonly key: Key;
  readonly elapsedMs: number;
  readonly failure?: { readonly error: unknown; readonly inARow: number; readonly retryMs: number };
}

/**
 * Runs background work by key. Level-triggered: a run looks at the current state, so it does not
 * matter how often, or why, its key was woken.
 * 1. Runs of a key never overlap. A key that is woken while it waits runs once; one that is woken
 *    while it runs, once more.
 * 2. A run starts in a turn of its own, never inside the call that woke it.
 * 3. A starting run clears the key's deadline, and its result sets the next one.
 * 4. A failed run is retried after a delay that doubles, however often its key is woken in the
 *    meantime.
 * 5. Memory is bounded by the number of keys. After `close`, no run starts and no timer is left.
 */
export class Loop<Key extends string> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #work: LoopWork<Key>;
  readonly #concurrency: number;
  readonly #ran: (ran: Ran<Key>) => void;
  /** In wake order; includes keys that were woken while they run. */
  readonly #waiting = new Set<Key>();
  readonly #running = new Set<Key>();
  readonly #deadlines = new Map<Key, { readonly timer: Timer; readonly atMs: number }>();
  /** Consecutive failures. */
  readonly #failures = new Map<Key, number>();
  readonly #watchers = new Map<Key, (() => void)[]>();
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #turn: Timer | undefined;

  constructor(deps: { readonly clock: Clock; readonly random: Random; readonly ran?: (ran: Ran<Key>) => void }, work: LoopWork<Key>) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#ran = deps.ran ?? (() => undefined);
    this.#work = work;
    this.#concurrency = work.concurrency ?? 1;
  }

  /** Number of keys that wait for a run. Keys with a future deadline do not count. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs `key` soon, unless it waits for a retry. */
  wake(key: Key): void {
    if (this.#closing.signal.aborted || this.#awaitsRetry(key)) return;
    this.#waiting.add(key);
    this.#takeTurn();
  }

  /** Runs `key` in `delayMs` at the latest. */
  after(key: Key, delayMs: number): void {
    if (this.#closing.signal.aborted || this.#awaitsRetry(key)) return;
    if (delayMs <= 0) return this.wake(key);
    this.#setDeadline(key, delayMs);
  }

  #setDeadline(key: Key, delayMs: number): void {
    const atMs = this.#clock.monotonic() + delayMs;
    const known = this.#deadlines.get(key);
    if (known !== undefined && known.atMs <= atMs) return;
    known?.timer.cancel();
    const timer = this.#clock.after(Math.min(delayMs, MAX_TIMER_MS), () => {
      this.#deadlines.delete(key);
      // A timer fires in a turn of its own.
      this.#waiting.add(key);
      this.#startSome();
    });
    this.#deadlines.set(key, { timer, atMs });
  }

  /** Drops `key`, whose subject no longer exists. */
  forget(key: Key): void {
    for (const resolve of this.#watchers.get(key) ?? []) resolve();
    this.#watchers.delete(key);
    this.#waiting.delete(key);
    this.#failures.delete(key);
    this.#cancelDeadline(key);
  }

  /**
   * Runs `key` at once. Resolves after a run that began after this call, successful or not, or when
   * the loop closes.
   */
  async settled(key: Key): Promise<void> {
    if (this.#closing.signal.aborted) return this.#closed.promise;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watchers.set(key, [...(this.#watchers.get(key) ?? []), resolve]);
    this.#waiting.add(key);
    this.#takeTurn();
    await promise;
  }

  /** Resolves after the last run. */
  close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#closed.promise;
    this.#turn?.cancel();
    for (const { timer } of this.#deadlines.values()) timer.cancel();
    for (const keys of [this.#deadlines, this.#waiting, this.#failures]) keys.clear();
    this.#closing.abort();
    this.#closeWhenIdle();
    return this.#closed.promise;
  }

  #takeTurn(): void {
    this.#turn ??= this.#clock.soon(() => this.#startSome());
  }

  #startSome(): void {
    this.#turn?.cancel();
    this.#turn = undefined;
    let left = this.#concurrency;
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#concurrency) return;
      if (this.#running.has(key)) continue;
      if (left === 0) return this.#takeTurn();
      left -= 1;
      this.#start(key);
    }
  }

  #start(key: Key): void {
    this.#waiting.delete(key);
    this.#cancelDeadline(key);
    this.#running.add(key);
    const watchers = this.#watchers.get(key) ?? [];
    this.#watchers.delete(key);
    const beganAt = this.#clock.monotonic();
    const ended = (due: Due, error?: { readonly error: unknown }) => {
      this.#running.delete(key);
      const ran = { key, elapsedMs: this.#clock.monotonic() - beganAt };
      if (error === undefined) this.#succeeded(ran, due);
      else this.#failed(ran, error.error);
      for (const resolve of watchers) resolve();
      this.#closeWhenIdle();
    };
    try {
      const due = this.#work.run(key, this.#closing.signal);
      if (due instanceof Promise)
        due.then(
          (later) => ended(later),
          (error: unknown) => ended(undefined, { error }),
        );
      else ended(due);
    } catch (error) {
      ended(undefined, { error });
    }
  }

  #succeeded(ran: Ran<Key>, due: Due): void {
    this.#failures.delete(ran.key);
    this.#ran(ran);
    if (due !== undefined) this.after(ran.key, due);
    if (this.#waiting.size > 0) this.#takeTurn();
  }

  #failed(ran: Ran<Key>, error: unknown): void {
    const { firstMs, maxMs } = this.#work.retry ?? RETRY;
    const inARow = (this.#failures.get(ran.key) ?? 0) + 1;
    // Half of the delay is random, so that keys that failed together do not retry together.
    const retryMs = Math.min(maxMs, firstMs * 2 ** (inARow - 1)) * (0.5 + this.#random.fraction() / 2);
    this.#ran({ ...ran, failure: { error, inARow, retryMs } });
    if (this.#closing.signal.aborted) return;
    this.#failures.set(ran.key, inARow);
    // The retry also covers changes during this run.
    this.#waiting.delete(ran.key);
    this.#cancelDeadline(ran.key);
    this.#setDeadline(ran.key, retryMs);
    if (this.#watchers.has(ran.key)) this.#waiting.add(ran.key);
    if (this.#waiting.size > 0) this.#takeTurn();
  }

  /** Returns whether the last run failed and the next one has not started. */
  #awaitsRetry(key: Key): boolean {
    return this.#failures.has(key) && !this.#running.has(key);
  }

  #cancelDeadline(key: Key): void {
    this.#deadlines.get(key)?.timer.cancel();
    this.#deadlines.delete(key);
  }

  #closeWhenIdle(): void {
    if (!this.#closing.signal.aborted || this.#running.size > 0) return;
    for (const watchers of this.#watchers.values()) for (const resolve of watchers) resolve();
    this.#watchers.clear();
    this.#closed.resolve();
  }
}

const ROWS_AT_ONCE = 500;

/**
 * Returns a run of a loop that goes through rows by id, one page at a time: what a page woke runs
 * before the next page is read.
 */
export function pageByPage<Row extends { readonly id: string }>(
  read: (after: string, limit: number) => readonly Row[],
  each: (row: Row) => void,
): () => Due {
  let after = '';
  return () => {
    const rows = read(after, ROWS_AT_ONCE);
    for (const row of rows) each(row);
    after = rows.at(-1)?.id ?? after;
    return rows.length < ROWS_AT_ONCE ? undefined : 0;
  };
}
