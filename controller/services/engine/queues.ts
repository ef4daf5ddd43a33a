/** Ends a turn, and begins the next one of its key. */
export type EndTurn = () => void;

/** For each key, one at a time: the others wait in the order of their coming. Keys in use are known, and no others. */
export class Queues {
  readonly #most: number;
  readonly #waiting = new Map<string, (() => void)[]>();

  /** `most`: how many of one key can wait. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Undefined when too many wait already. */
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
