import type { Timer } from '../../../../seams/clock.ts';
import type { Stream } from './deps.ts';
import { STREAM_MEMORY } from './stream-memory.ts';

/**
 * Bounds of one node's frames whose commands are undecided; stream-memory.ts bounds all nodes
 * together. Beyond one, the link is not read. Rates are in node-pace.ts and stream-limits.ts.
 */
export const MAX_UNDECIDED = { frames: 1000, bytes: STREAM_MEMORY.undecided.ofNode } as const;
/** Counted for a frame of unknown length, and for each report of an inventory. */
export const DEFAULT_FRAME_BYTES = 512;
/** Minimum pause, so that a node beyond its rates costs little. */
const MIN_REST_MS = 100;

/**
 * Decides when one node's link is read: not while too much of it is undecided, and not during a
 * pause.
 */
export class FlowControl {
  readonly #stream: Stream;
  /**
   * Length of the frame that is being handled: set before each, also before delayed news. Decisions
   * that no frame asked for count as the frame before them.
   */
  frameBytes = DEFAULT_FRAME_BYTES;
  #undecided = 0;
  #undecidedBytes = 0;
  #isPaused = false;
  #rest: Timer | undefined;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /**
   * Whether half of a bound or more is undecided. Then the link can be paused, with heartbeats
   * unread, and a paused link stays paused.
   */
  get isBehind(): boolean {
    return this.#undecided >= MAX_UNDECIDED.frames / 2 || this.#undecidedBytes >= MAX_UNDECIDED.bytes / 2;
  }

  /**
   * Handles decisions in the order of their frames, and stops reading while too many are pending.
   */
  decide<Answer>(decided: Promise<Answer>, then: (answer: Answer) => void): void {
    const { link, shared } = this.#stream;
    const { memory, metrics } = shared;
    const bytes = this.frameBytes;
    this.#undecided += 1;
    this.#undecidedBytes += bytes;
    memory.changeUndecided(bytes);
    if (!this.#isPaused && (this.#undecided >= MAX_UNDECIDED.frames || memory.isFull(this.#undecidedBytes))) {
      this.#isPaused = true;
      metrics.paused.add();
      link.pause();
    }
    decided
      .then(then)
      .catch((error) => this.#stream.failed(error))
      .finally(() => {
        this.#undecided -= 1;
        this.#undecidedBytes -= bytes;
        memory.changeUndecided(-bytes);
        if (!this.#isPaused || this.isBehind || (memory.isFull(this.#undecidedBytes) && this.#undecided > 0)) return;
        this.#isPaused = false;
        if (this.#rest === undefined) link.resume();
      });
  }

  /** Pauses reading. Returns false if it is paused already. */
  rest(delayMs: number): boolean {
    if (this.#rest !== undefined) return false;
    const { link, shared } = this.#stream;
    link.pause();
    this.#rest = shared.clock.after(Math.max(MIN_REST_MS, delayMs), () => {
      this.#rest = undefined;
      if (!this.#isPaused) link.resume();
    });
    return true;
  }

  close(): void {
    this.#rest?.cancel();
  }
}
