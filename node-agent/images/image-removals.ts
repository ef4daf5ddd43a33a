import { messageOf } from '../../seams/message-of.ts';
import type { Counter } from '../../seams/metrics.ts';
import { within } from '../engine/deadline.ts';
import type { Host } from '../host.ts';

/** Within this, the engine deletes the layers of the largest image. */
const LIMIT_MS = 5 * 60_000;
/** Requests that wait; the controller repeats others. */
const MAX_WAITING = 256;

export interface ImageRemovalsDeps extends Pick<Host, 'driver' | 'clock' | 'log' | 'metrics'> {
  /** Returns whether a session, a build or a move of this node uses an image. */
  isUsed(image: string): boolean;
}

/**
 * Removes images that the controller condemned, one at a time, in order. This node has the last
 * word, because it knows of uses that began meanwhile. Nothing is reported: the controller sees in
 * the node's list of images what is gone, and repeats the rest.
 */
export class ImageRemovals {
  readonly #deps: ImageRemovalsDeps;
  readonly #ending = new AbortController();
  readonly #waiting = new Set<string>();
  readonly #outcomes: Counter<'outcome'>;
  #work: Promise<void> | undefined;

  constructor(deps: ImageRemovalsDeps) {
    this.#deps = deps;
    this.#outcomes = deps.metrics.counter({
      name: 'node_image_removals_total',
      help: 'Condemned images that this node was asked to remove, by outcome',
      labels: ['outcome'],
    });
  }

  remove(image: string): void {
    if (this.#ending.signal.aborted) return;
    if (this.#waiting.size >= MAX_WAITING) return this.#outcomes.add(1, { outcome: 'postponed' });
    this.#waiting.add(image);
    this.#work ??= this.#removeAll().finally(() => {
      this.#work = undefined;
    });
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the node agent is shutting down'));
    this.#waiting.clear();
    await this.#work;
  }

  async #removeAll(): Promise<void> {
    for (const image of this.#waiting) {
      this.#waiting.delete(image);
      await this.#remove(image);
    }
  }

  async #remove(image: string): Promise<void> {
    const { driver, clock, log, isUsed } = this.#deps;
    try {
      const outcome = isUsed(image)
        ? 'in-use'
        : await within(clock, LIMIT_MS, this.#ending.signal, (signal) => driver.removeImage(image, signal));
      this.#outcomes.add(1, { outcome });
      if (outcome === 'removed') log.info('image.removed', { image });
      else log.debug('image.in_use', { image });
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.#outcomes.add(1, { outcome: 'failed' });
      log.warn('image.not_removed', { image, error: messageOf(error) });
    }
  }
}
