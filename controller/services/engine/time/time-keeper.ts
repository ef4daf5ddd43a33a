import type { Clock } from '../../../../seams/clock.ts';
import type { KeptTime } from '../../../domain/engine/agreed-time.ts';
import type { Writer } from '../store.ts';
import type { ClusterTime } from './cluster-time.ts';

/** The stored time can be older than the newest commit by this much. */
const EVERY_MS = 1_000;

/**
 * Stores the time for the next process. Not with each commit, which would write one more page: the
 * wall clock and the boot clock are read as a pair, so an older pair is as good, and the newest
 * event has its own time.
 */
export class TimeKeeper {
  readonly #time: ClusterTime;
  readonly #clock: Clock;
  readonly #store: Pick<Writer, 'keepLastTime' | 'keepTime'>;
  #keptAt = Number.NEGATIVE_INFINITY;
  #corrections: KeptTime['corrections'] | undefined;

  constructor(time: ClusterTime, clock: Clock, store: Pick<Writer, 'keepLastTime' | 'keepTime'>) {
    this.#time = time;
    this.#clock = clock;
    this.#store = store;
  }

  /** Call in each transaction, after its last row. */
  keep(): void {
    const now = this.#clock.monotonic();
    const kept = this.#time.keep();
    if (now - this.#keptAt < EVERY_MS && kept.corrections === this.#corrections) return;
    this.#store.keepLastTime(this.#time.last);
    this.#store.keepTime(kept);
    this.#keptAt = now;
    this.#corrections = kept.corrections;
  }
}
