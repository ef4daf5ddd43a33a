/**
 * One life of a process. Whatever reaches it from outside (a timer, a frame, the end of a disk operation) goes through `run`:
 * after its death nothing does, so that what was pending never resolves; while it is stopped (SIGSTOP, a frozen container) all of it waits.
 */
export class Life {
  readonly name: string;
  #state: 'alive' | 'stopped' | 'dead' = 'alive';
  #deferred: (() => void)[] = [];
  readonly #atDeath = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  run(work: () => void): void {
    if (this.#state === 'alive') work();
    else if (this.#state === 'stopped') this.#deferred.push(work);
  }

  /** What the rest of the world does about its death, at once. */
  atDeath(notice: () => void): { cancel(): void } {
    this.#atDeath.add(notice);
    return { cancel: () => this.#atDeath.delete(notice) };
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#deferred = [];
    for (const notice of [...this.#atDeath]) notice();
    this.#atDeath.clear();
  }

  stop(): void {
    if (this.#state === 'alive') this.#state = 'stopped';
  }

  /** What waited comes now, in its order. `later` puts each on the world's queue, so that promises settle in between. */
  resume(later: (work: () => void) => void): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'alive';
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const work of deferred) later(() => this.run(work));
  }
}

/** Of a process that is dead: never. */
export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
