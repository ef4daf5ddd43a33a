/** Ends a turn and starts the next one of its key. */
export type EndTurn = () => void;

/**
 * Runs one turn at a time per key; the others wait in order of arrival. Only keys in use take
 * memory.
 */
export class Queues {
  readonly #most: number;
  readonly #waiting = new Map<string, (() => void)[]>();

  /** `most`: how many can wait per key. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves to undefined if too many wait already. */
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
