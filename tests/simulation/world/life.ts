/**
 * One process. Everything from outside (a timer, a frame, the end of a disk operation) goes through
 * `run`. After its death nothing does, so pending promises never resolve; while it is stopped
 * (SIGSTOP, a frozen container) everything waits.
 */
export class Life {
  readonly name: string;
  /** Of the previous release. */
  isPrevious = false;
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

  /** Called at once when it dies. */
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

  /**
   * Runs everything that waited, in order. `later` queues each, so that promises settle in between.
   */
  resume(later: (work: () => void) => void): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'alive';
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const work of deferred) later(() => this.run(work));
  }
}

/** Never resolves, as in a dead process. */
export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
