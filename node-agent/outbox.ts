import type { NodeFrame } from '../proto/frame.ts';

/** What waits at most, beyond what has one place for each session (reports). Past it the oldest goes. */
const BOUND = 20_000;

/** The way to the controller while there is one. */
export interface Wire {
  /** False: not taken, the wire is full; `drained` is called later. */
  send(frame: NodeFrame): boolean;
}

/**
 * What is said to the controller. Kept frames wait, in order, while the wire is full: a later one under the same key replaces the earlier.
 * Passing frames (partial output, log lines) go at once or not at all, and are counted. With no wire nothing waits: on each
 * new one the inventory and the relay say everything again that still matters.
 */
export class Outbox {
  #wire: Wire | undefined;
  readonly #waiting = new Map<string, NodeFrame>();
  #keeping = false;
  #lost = 0;

  /** Passing frames lost so far. */
  get lost(): number {
    return this.#lost;
  }

  /** A greeting was made: what changes from now on is kept for the stream that it opens. */
  begin(): void {
    this.#waiting.clear();
    this.#wire = undefined;
    this.#keeping = true;
  }

  connect(wire: Wire): void {
    this.#wire = wire;
    this.drained();
  }

  disconnect(): void {
    this.#waiting.clear();
    this.#wire = undefined;
    this.#keeping = false;
  }

  keep(key: string, frame: NodeFrame): void {
    if (!this.#keeping) return;
    if (this.#waiting.size === 0 && this.#wire?.send(frame)) return;
    this.#waiting.set(key, frame);
    if (this.#waiting.size <= BOUND) return;
    const oldest = this.#waiting.keys().next();
    if (!oldest.done) this.#waiting.delete(oldest.value);
  }

  /** False when it was dropped. */
  pass(frame: NodeFrame): boolean {
    if (this.#waiting.size === 0 && this.#wire?.send(frame)) return true;
    this.#lost += 1;
    return false;
  }

  drained(): void {
    for (const [key, frame] of this.#waiting) {
      if (!this.#wire?.send(frame)) return;
      this.#waiting.delete(key);
    }
  }
}
