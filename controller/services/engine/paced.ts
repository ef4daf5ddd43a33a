import type { Clock } from '../../../seams/clock.ts';

/**
 * Runs small pieces of work at once, but only a few in one turn of the event loop. The rest follow
 * in later turns, in order, so that a thousand of them delay nothing else.
 */
export class Paced {
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #ran = 0;

  constructor(clock: Pick<Clock, 'soon'>, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  run(work: () => void): void {
    if (this.#ran < this.#most && this.#waiting.length === 0) this.#start(work);
    else this.#waiting.push(work);
  }

  #start(work: () => void): void {
    if (this.#ran === 0) this.#clock.soon(() => this.#nextTurn());
    this.#ran += 1;
    work();
  }

  #nextTurn(): void {
    this.#ran = 0;
    for (const work of this.#waiting.splice(0, this.#most)) this.#start(work);
  }
}
