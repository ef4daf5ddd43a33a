import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import type { Clock, Timer } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import { type Metrics, SECONDS } from '../../../../seams/metrics.ts';
import { programBeside, RestartingThread } from '../restarting-thread.ts';

/** Makes commits durable that were made without a sync. */
export interface Syncer {
  /**
   * Whether the next commit should be left to `sync`. If not, `syncNow` is better: the disk answers
   * sooner than another thread would.
   */
  readonly isApart: boolean;
  /**
   * Resolves once every commit before this call is on the disk. Rejects with the error of the system
   * if the disk refuses, or does not answer. One at a time.
   */
  sync(): Promise<void>;
  /** Does the same before it returns, also for a `sync` in progress. */
  syncNow(): void;
}

export interface SyncerDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** How long the disk took, or why it refused. */
export type SyncAnswer = { readonly tookMs: number } | { readonly error: { readonly code: string; readonly message: string } };

interface Pending {
  readonly promise: Promise<void>;
  looks: number;
  look: Timer | undefined;
  resolve(): void;
  reject(error: Error): void;
}

const HEAP_MIB = 16;
/**
 * A disk whose syncs take longer on average stops others for longer than a thread costs: some 0.2 ms
 * and two switches for each commit.
 */
const QUICK_MS = 1;
/** The newest sync's share in the average: one of 50 ms is forgotten after some fifteen quick ones. */
const SHARE = 1 / 8;
/**
 * A disk that does not answer is given up after so many looks: nothing can be stored, and the watchdog
 * does not see it. Looks, because a process that stood still has not waited.
 */
export const PATIENCE = { everyMs: 10_000, looks: 6 } as const;

/**
 * Syncs the write-ahead log on a thread while the disk is slow, so that it delays the commands that
 * wait for it and nothing else. With `synchronous = NORMAL`, SQLite writes a commit to the log without a sync;
 * a power cut takes the newest of them away, as whole transactions, because every frame's checksum
 * continues the one before (sqlite.org/walformat.html). Nobody has been told of those. While the
 * thread is down, this thread syncs.
 */
export class LogSyncer implements Syncer {
  readonly #deps: SyncerDeps;
  readonly #thread: RestartingThread<SyncAnswer>;
  readonly #seconds;
  #log: number | undefined;
  readonly #pace = new SyncPace();
  #pending: Pending | undefined;

  constructor(deps: SyncerDeps) {
    this.#deps = deps;
    const { path, clock, metrics } = deps;
    this.#seconds = metrics.histogram({ name: 'sync_seconds', help: 'Time that the disk took to sync a commit.', buckets: SECONDS });
    this.#thread = new RestartingThread({
      program: programBeside(import.meta.url, 'sync-worker'),
      workerData: { path: logOf(path) },
      heapMib: HEAP_MIB,
      clock,
      onMessage: (answer) => this.#synced(answer),
      onEnd: (error, delayMs) => this.#ended(error, delayMs),
    });
  }

  /** Call it once the log exists. It is the same file until the last connection closes. */
  start(): void {
    this.#log = openSync(logOf(this.#deps.path), 'r');
    this.#thread.start();
  }

  sync(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pending: Pending = { promise, looks: 0, look: undefined, resolve, reject };
    this.#pending = pending;
    this.#lookAt(pending);
    if (this.#thread.isUp) this.#thread.post('sync');
    else this.#syncHere();
    return promise;
  }

  /** The sync that has not ended. */
  get inProgress(): Promise<void> | undefined {
    return this.#pending?.promise;
  }

  get isApart(): boolean {
    return !this.#pace.isQuick && this.#thread.isUp;
  }

  syncNow(): void {
    if (this.#log === undefined) throw new Error('the syncer is not open');
    const startedAt = this.#deps.clock.monotonic();
    fdatasyncSync(this.#log);
    this.#took(this.#deps.clock.monotonic() - startedAt);
  }

  async close(): Promise<void> {
    this.#pending?.look?.cancel();
    await this.#thread.close();
    if (this.#log !== undefined) closeSync(this.#log);
    this.#log = undefined;
  }

  #syncHere(): void {
    const pending = this.#take();
    try {
      this.syncNow();
      pending?.resolve();
    } catch (error) {
      pending?.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #synced(answer: SyncAnswer): void {
    const pending = this.#take();
    if ('error' in answer) return pending?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    this.#took(answer.tookMs);
    pending?.resolve();
  }

  #took(ms: number): void {
    this.#seconds.observe(ms / 1000);
    this.#pace.took(ms);
  }

  #lookAt(pending: Pending): void {
    pending.look = this.#deps.clock.after(PATIENCE.everyMs, () => {
      pending.looks += 1;
      if (pending.looks < PATIENCE.looks) this.#lookAt(pending);
      else this.#synced({ error: LATE });
    });
  }

  #take(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.look?.cancel();
    return pending;
  }

  #ended(error: string, delayMs: number): void {
    this.#deps.log.error('syncer.ended', { error, restart_ms: delayMs });
    if (this.#pending !== undefined) this.#syncHere();
  }
}

const LATE = { code: 'EIO', message: `the disk confirmed no write within ${(PATIENCE.everyMs * PATIENCE.looks) / 1000} s` };

/** Judges how quick the disk is. */
export class SyncPace {
  /** Moving average. A disk is slow until it has shown itself quick. */
  #averageMs = 10 * QUICK_MS;

  get isQuick(): boolean {
    return this.#averageMs <= QUICK_MS;
  }

  took(ms: number): void {
    this.#averageMs += (ms - this.#averageMs) * SHARE;
  }
}

const logOf = (database: string): string => `${database}-wal`;
