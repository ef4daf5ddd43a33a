import type { Clock, Timer } from '../../../seams/clock.ts';

const LOOK_MS = 1000;

/**
 * News that come faster than they are heard: of each thing the newest alone is kept, and heard once its rate allows it. So what is said
 * last is never lost, and a thing that alternates without end costs as much as its rate.
 */
export class LateNews {
  readonly #clock: Clock;
  readonly #allows: (key: string) => boolean;
  readonly #waiting = new Map<string, () => void>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, allows: (key: string) => boolean) {
    this.#clock = clock;
    this.#allows = allows;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Hears it now, or later. False: later, unless something newer of the same thing comes first. */
  hear(key: string, hear: () => void): boolean {
    if (this.#allows(key)) {
      this.#waiting.delete(key);
      hear();
      return true;
    }
    this.#waiting.set(key, hear);
    this.#look();
    return false;
  }

  /** Something newer of this thing has been heard. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #look(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#clock.after(LOOK_MS, () => {
      this.#timer = undefined;
      for (const [key, hear] of [...this.#waiting]) {
        if (this.#isClosed) return;
        if (!this.#allows(key)) continue;
        this.#waiting.delete(key);
        hear();
      }
      if (this.#waiting.size > 0) this.#look();
    });
  }
}
