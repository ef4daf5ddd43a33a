/** Gives the turn back. */
export type EndTurn = () => void;

interface Asking<Key> {
  readonly key: Key;
  readonly start: (end: EndTurn) => void;
}

/** Lets so many work at once, and so many of each key; the others wait in the order in which they came. */
export class Turns<Key> {
  readonly #most: number;
  readonly #mostOfKey: number;
  readonly #atWork = new Map<Key, number>();
  readonly #asking = new Set<Asking<Key>>();
  #size = 0;

  constructor({ most, mostOfKey }: { readonly most: number; readonly mostOfKey: number }) {
    this.#most = most;
    this.#mostOfKey = mostOfKey;
  }

  /** Undefined when there is no turn now. */
  take(key: Key): EndTurn | undefined {
    return this.#isFree(key) ? this.#start(key) : undefined;
  }

  /** Waits for a turn; undefined when the signal aborts first. */
  wait(key: Key, signal: AbortSignal): Promise<EndTurn | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const now = this.take(key);
    if (now !== undefined) return Promise.resolve(now);
    return new Promise((resolve) => {
      const asking: Asking<Key> = {
        key,
        start(end) {
          signal.removeEventListener('abort', leave);
          resolve(end);
        },
      };
      const leave = () => {
        this.#asking.delete(asking);
        resolve(undefined);
      };
      this.#asking.add(asking);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #isFree(key: Key): boolean {
    return this.#size < this.#most && (this.#atWork.get(key) ?? 0) < this.#mostOfKey;
  }

  #start(key: Key): EndTurn {
    this.#change(key, 1);
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      this.#change(key, -1);
      this.#next();
    };
  }

  #next(): void {
    for (const asking of this.#asking) {
      if (!this.#isFree(asking.key)) continue;
      this.#asking.delete(asking);
      return asking.start(this.#start(asking.key));
    }
  }

  #change(key: Key, by: 1 | -1): void {
    const now = (this.#atWork.get(key) ?? 0) + by;
    if (now === 0) this.#atWork.delete(key);
    else this.#atWork.set(key, now);
    this.#size += by;
  }
}
