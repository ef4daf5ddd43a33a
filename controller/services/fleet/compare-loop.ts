import type { Random } from '../../../seams/random.ts';
import type { Loop } from '../engine/loop.ts';
import type { Loops } from '../engine/loops.ts';

/** Interval in which each node is compared with the rows. Heals unforeseen differences. */
export const COMPARE_MS = 5 * 60_000;

export interface Comparable {
  /** Calls `done` once, after the comparison. */
  compare(done: () => void): void;
}

/** Compares one node after another, spread over the period with jitter. */
export class Comparisons {
  readonly #random: Random;
  readonly #everyMs: number;
  readonly #loop: Loop<'next'>;
  /** The node compared longest ago comes first. */
  readonly #streams = new Set<Comparable>();

  constructor({ loops, random, compareMs = COMPARE_MS }: { loops: Pick<Loops, 'open'>; random: Random; compareMs?: number }) {
    this.#random = random;
    this.#everyMs = compareMs;
    this.#loop = loops.open({ name: 'comparisons', run: () => this.#compareNext() });
    this.#later();
  }

  add(stream: Comparable): void {
    this.#streams.add(stream);
  }

  delete(stream: Comparable): void {
    this.#streams.delete(stream);
  }

  #compareNext(): undefined {
    const [next] = this.#streams;
    if (next === undefined) return this.#later();
    this.#streams.delete(next);
    this.#streams.add(next);
    next.compare(() => this.#later());
  }

  #later(): undefined {
    this.#loop.after('next', (this.#everyMs / Math.max(1, this.#streams.size)) * (0.75 + this.#random.fraction() / 2));
  }
}
