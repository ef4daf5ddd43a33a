/** Ends this turn and starts the key's next one. */
export type EndTurn = () => void;

/**
 * Runs one task at a time for each key; the others wait in order of arrival. Only keys in use take
 * memory.
 */
export class Queues {
  readonly #most: number;
  readonly #waiting = new Map<string, (() => void)[]>();

  /** `most` is the number of tasks of one key that can wait. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Returns undefined if too many are waiting already. */
  async wait(key: string): Promise<EndTurn | undefined> {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, []);
    else if (waiting.length >= this.#most) return undefined;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return () => {
      const next = this.#waiting.get(key)?.shift();
      if (next === undefined) this.#waiting.delete(key);
      else next();
    };
  }
}
