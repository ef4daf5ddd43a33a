import type { Clock, Timer } from '../../../seams/clock.ts';

/** Time per turn of the event loop; the rest waits for the next turn. */
const SLICE_MS = 5;

/**
 * Runs many small pieces of work, each at least one turn later and a few milliseconds per turn, so
 * that other work runs in between.
 */
export class TimeSlices {
  readonly #clock: Clock;
  #urgent: (() => void)[] = [];
  #queue: (() => void)[] = [];
  #turn: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs work after earlier work; `urgent` before all that is not. */
  add(work: () => void, { urgent = false } = {}): void {
    (urgent ? this.#urgent : this.#queue).push(work);
    this.#turn ??= this.#clock.soon(() => this.#run());
  }

  /**
   * Runs `piece` in turn after turn while it returns true. An error ends it and is passed to
   * `failed`.
   */
  repeat(piece: () => boolean, failed: (error: unknown) => void): void {
    this.add(() => {
      try {
        if (piece()) this.repeat(piece, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  close(): void {
    this.#turn?.cancel();
    this.#urgent = [];
    this.#queue = [];
  }

  #run(): void {
    this.#turn = undefined;
    const until = this.#clock.monotonic() + SLICE_MS;
    const [urgent, queue] = [this.#urgent, this.#queue];
    this.#urgent = [];
    this.#queue = [];
    let at = 0;
    const all = [...urgent, ...queue];
    // New work waits for the next turn: work that adds itself again must not monopolize this one.
    while (at < all.length && (at === 0 || this.#clock.monotonic() < until)) {
      const work = all[at];
      at += 1;
      work?.();
    }
    if (at < all.length) {
      this.#urgent = [...urgent.slice(at), ...this.#urgent];
      this.#queue = [...queue.slice(Math.max(0, at - urgent.length)), ...this.#queue];
    }
    if (this.#urgent.length + this.#queue.length > 0) this.#turn ??= this.#clock.soon(() => this.#run());
  }
}
