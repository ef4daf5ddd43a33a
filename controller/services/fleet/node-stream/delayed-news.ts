import type { Clock, Timer } from '../../../../seams/clock.ts';

const LOOK_MS = 1000;

/**
 * Limits how often news of a subject is handled. Keeps only the newest, and handles it once the
 * rate allows: the last news is never lost, and a flapping subject costs no more than its rate.
 */
export class DelayedNews {
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

  /**
   * Handles the news now or later. Returns false for later, which newer news of the same key
   * replaces.
   */
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

  /** Drops late news of a key, since newer news was handled. */
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
