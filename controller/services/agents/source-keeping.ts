import { availableParallelism } from 'node:os';
import { Turns } from '../budget/turns.ts';
import type { Lists } from '../engine/lists.ts';
import type { SourceStore } from './source-store.ts';

/**
 * Checks at once, each on a core of its own, with one core left for everything else. Other uploads
 * wait on disk.
 */
const CHECKS = { most: Math.max(1, Math.min(2, availableParallelism() - 1)), maxOfKey: 1 };

/** Decides which stored sources stay, and how many are checked at once. */
export class SourceKeeping {
  readonly #lists: Pick<Lists, 'sourceInUse'>;
  readonly #store: SourceStore;
  readonly #checks = new Turns(CHECKS.most);
  #last: Promise<unknown> = Promise.resolve();

  constructor(lists: Pick<Lists, 'sourceInUse'>, store: SourceStore) {
    this.#lists = lists;
    this.#store = store;
  }

  /** Waits until an archive of this account or space can be checked. */
  checkTurn(key: string) {
    return this.#checks.wait([{ key, most: CHECKS.maxOfKey }], new AbortController().signal);
  }

  /**
   * One at a time, so that the cleanup of one upload does not delete a source that another is about
   * to use.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine;
    return mine;
  }

  /** Deletes a source that nothing uses. Call it in turn. */
  async forget(digest: string | null): Promise<void> {
    if (digest !== null && !(await this.#lists.sourceInUse(digest))) await this.#store.remove(digest);
  }

  /** Deletes unused sources. Uploads wait meanwhile, never long. */
  async removeUnused(): Promise<void> {
    for (const digest of await this.#store.kept()) await this.inTurn(() => this.forget(digest));
  }
}
