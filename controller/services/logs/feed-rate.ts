import type { Clock } from '../../../seams/clock.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';

/** Of one space, for all its followers together; as much can come at once after a second of less. */
export const MAX_BYTES_A_SECOND = 2 * 1024 * 1024;
/** So many followers of a session do not slow it down: the controller passes each line to each. */
export const FOLLOWERS_AT_FULL_RATE = 16;

/**
 * Bounds how fast the followed logs of a space are read. A feed beyond it is read later: its session
 * drops lines meanwhile, and says how many. So agents that print without end keep the controller
 * from nothing else.
 */
export class FeedRate {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** When each space has used up what it read. In the past: nothing is owed. */
  readonly #paidAtMs = new Map<SpaceId, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Counts bytes that were read for so many followers. Returns how long to wait before the next read. */
  read(space: SpaceId, bytes: number, followers: number): number {
    const nowMs = this.#clock.monotonic();
    const from = Math.max(this.#paidAtMs.get(space) ?? 0, nowMs - 1_000);
    const paidAtMs = from + (bytes * Math.max(1, followers / FOLLOWERS_AT_FULL_RATE) * 1_000) / MAX_BYTES_A_SECOND;
    this.#paidAtMs.set(space, paidAtMs);
    return Math.max(0, paidAtMs - nowMs);
  }

  /** Call when nobody follows the space any more. */
  forget(space: SpaceId): void {
    this.#paidAtMs.delete(space);
  }
}
