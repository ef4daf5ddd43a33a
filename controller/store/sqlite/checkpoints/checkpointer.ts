import type Database from 'better-sqlite3';
import type { Clock } from '../../../../seams/clock.ts';
import type { Log } from '../../../../seams/log.ts';
import type { Metrics } from '../../../../seams/metrics.ts';
import { programBeside, RestartingThread } from '../restarting-thread.ts';

export interface CheckpointerDeps {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The state of the log, in frames (pages): all of it, and how many of them the database has. */
export interface LogState {
  readonly log: number;
  readonly checkpointed: number;
}
/** Held: a reader needs the database as it is, so that not all of the log could be copied. */
export type CheckpointAnswer = { readonly isHeld: boolean } | { readonly error: string };

/** Frames not yet in the database that begin a checkpoint: 4 MiB of pages. SQLite's own default. */
export const CHECKPOINT_FRAMES = 1000;
/** Frames beyond which a commit finishes what the thread could not. 64 MiB. */
export const MAX_LOG_FRAMES = 16_384;
/** Commits between two looks at the log, which cost as much as reading a few rows. */
const COMMITS_PER_LOOK = 8;
const HEAP_MIB = 64;
const FRAME_BYTES = 4096 + 24;

/**
 * Copies the write-ahead log into the database on a thread, so that no commit waits for a
 * checkpoint. A commit starts the log again from its beginning once all of it is copied; under
 * constant writing the thread is always a few frames behind, so beyond {@link MAX_LOG_FRAMES} a
 * commit copies those few: at once after the thread's last pass, and not what a reader held back,
 * which can be any amount. While the thread is down, commits make checkpoints themselves, as SQLite
 * does by default.
 */
export class Checkpointer {
  readonly #deps: CheckpointerDeps;
  readonly #thread: RestartingThread<CheckpointAnswer>;
  readonly #passes;
  #writing: Database.Database | undefined;
  #state: Database.Statement<[], LogState> | undefined;
  #frames = 0;
  #commits = 0;
  #isCopying = false;
  /** The thread has copied all of the log since the last look, so that a commit finds little left. */
  #hasCopied = false;
  /** Why the last checkpoint failed, if it did. */
  #failure: string | undefined;

  constructor(deps: CheckpointerDeps) {
    this.#deps = deps;
    const { path, clock, metrics } = deps;
    this.#passes = metrics.counter({
      name: 'checkpoints_total',
      help: 'Copies of the write-ahead log into the database, by who made them.',
      labels: ['by'],
    });
    metrics.gauge({ name: 'write_ahead_log_frames', help: 'Pages in the write-ahead log.', read: () => this.#frames });
    this.#thread = new RestartingThread({
      program: programBeside(import.meta.url, 'checkpoint-worker'),
      workerData: { path },
      heapMib: HEAP_MIB,
      clock,
      onStart: () => this.#commitsCheckpoint(false),
      onMessage: (answer) => this.#copied(answer),
      onEnd: (error, delayMs) => this.#ended(error, delayMs),
    });
  }

  /** Takes over the checkpoints of the connection that writes. */
  attach(writing: Database.Database): void {
    this.#writing = writing;
    this.#state = writing.prepare<[], LogState>('pragma wal_checkpoint(noop)');
    // Gives back what the log took beyond its bound, once it begins again.
    writing.pragma(`journal_size_limit = ${MAX_LOG_FRAMES * FRAME_BYTES}`);
    this.#thread.start();
  }

  get isCopying(): boolean {
    return this.#isCopying;
  }

  /**
   * To be called after each commit, while no transaction is open: SQLite refuses these statements in
   * one. Never throws, because the commit stands whatever becomes of a checkpoint.
   */
  committed(): void {
    if (++this.#commits < COMMITS_PER_LOOK || this.#isCopying || !this.#thread.isUp) return;
    this.#commits = 0;
    try {
      this.#look();
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
    }
  }

  #look(): void {
    let left = this.#left();
    const hasCopied = this.#hasCopied;
    this.#hasCopied = false;
    if (hasCopied && left > 0 && this.#frames > MAX_LOG_FRAMES) {
      this.#writing?.pragma('wal_checkpoint(passive)');
      this.#passes.add(1, { by: 'commit' });
      left = this.#left();
    }
    if (left < CHECKPOINT_FRAMES) return;
    this.#isCopying = true;
    this.#thread.post('copy');
  }

  close(): Promise<void> {
    this.#writing = undefined;
    return this.#thread.close();
  }

  #left(): number {
    const { log, checkpointed } = this.#state?.get() ?? { log: 0, checkpointed: 0 };
    // -1 before the first commit.
    this.#frames = Math.max(0, log);
    return log - checkpointed;
  }

  #copied(answer: CheckpointAnswer): void {
    this.#isCopying = false;
    if ('error' in answer) return this.#failed(answer.error);
    this.#failure = undefined;
    this.#passes.add(1, { by: 'thread' });
    if (answer.isHeld) return;
    this.#hasCopied = true;
    // Each commit until then would be more to copy.
    this.#commits = COMMITS_PER_LOOK;
  }

  /** Such as on a full disk. The log keeps everything, and the next look asks again. */
  #failed(error: string): void {
    if (error !== this.#failure) this.#deps.log.error('checkpoint.failed', { error });
    this.#failure = error;
  }

  #ended(error: string, delayMs: number): void {
    this.#isCopying = false;
    this.#deps.log.error('checkpointer.ended', { error, restart_ms: delayMs });
    this.#commitsCheckpoint(true);
  }

  #commitsCheckpoint(they: boolean): void {
    this.#writing?.pragma(`wal_autocheckpoint = ${they ? CHECKPOINT_FRAMES : 0}`);
  }
}
