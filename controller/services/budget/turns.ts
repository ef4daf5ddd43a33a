/** Ends the turn. */
export type EndTurn = () => void;

/** A key that a turn counts for, and how many of it can run or wait at once. */
export interface TurnKey {
  readonly key: string;
  readonly most: number;
}

interface Asking {
  readonly keys: readonly TurnKey[];
  readonly start: (end: EndTurn) => void;
}

/** Limits how many run at once, in total and per key. The others wait in order of arrival. */
export class Turns {
  readonly #most: number;
  readonly #atWork = new Map<string, number>();
  readonly #waiting = new Map<string, number>();
  readonly #asking = new Set<Asking>();
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns whether one more of these keys can run or wait. */
  hasPlace(keys: readonly TurnKey[]): boolean {
    return keys.every(({ key, most }) => (this.#atWork.get(key) ?? 0) + (this.#waiting.get(key) ?? 0) < most);
  }

  /** Waits for a turn. Resolves to undefined if the signal aborts first. */
  wait(keys: readonly TurnKey[], signal: AbortSignal): Promise<EndTurn | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    if (this.#isFree(keys)) return Promise.resolve(this.#start(keys));
    return new Promise((resolve) => {
      const asking: Asking = {
        keys,
        start(end) {
          signal.removeEventListener('abort', leave);
          resolve(end);
        },
      };
      const leave = () => {
        this.#leave(asking);
        resolve(undefined);
      };
      this.#asking.add(asking);
      change(this.#waiting, keys, 1);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #isFree(keys: readonly TurnKey[]): boolean {
    return this.#size < this.#most && keys.every(({ key, most }) => (this.#atWork.get(key) ?? 0) < most);
  }

  #start(keys: readonly TurnKey[]): EndTurn {
    this.#change(keys, 1);
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      this.#change(keys, -1);
      this.#next();
    };
  }

  #next(): void {
    for (const asking of this.#asking) {
      if (!this.#isFree(asking.keys)) continue;
      this.#leave(asking);
      asking.start(this.#start(asking.keys));
    }
  }

  #leave(asking: Asking): void {
    if (this.#asking.delete(asking)) change(this.#waiting, asking.keys, -1);
  }

  #change(keys: readonly TurnKey[], by: 1 | -1): void {
    change(this.#atWork, keys, by);
    this.#size += by;
  }
}

function change(counts: Map<string, number>, keys: readonly TurnKey[], by: 1 | -1): void {
  for (const { key } of keys) {
    const now = (counts.get(key) ?? 0) + by;
    if (now === 0) counts.delete(key);
    else counts.set(key, now);
  }
}
