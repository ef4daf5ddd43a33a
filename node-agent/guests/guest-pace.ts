import type { GuestFrame } from '../../proto/frame.ts';

/**
 * Per guest: output and everything else. A well-behaved guest prints at most 1,000 lines a second
 * and answers fewer messages.
 */
export const GUEST_RATES = { output: { perSecond: 2000, burst: 10_000 }, rest: { perSecond: 600, burst: 6000 } } as const;
/** Shortest pause in reading. */
const SHORTEST_REST_MS = 50;

const isOutput = ({ kind }: GuestFrame): boolean => kind === 'delta';

/**
 * Limits the rate at which one guest is read, so that no guest uses up its node's rate at the
 * controller.
 */
export class GuestPace {
  /** When each rate is fully available again, in milliseconds of the clock. */
  readonly #freeAt = { output: 0, rest: 0 };

  /**
   * Charges a frame. Returns for how many milliseconds to pause its guest; 0 if it is within its
   * rates.
   */
  heard(frame: GuestFrame, now: number): number {
    const kind = isOutput(frame) ? 'output' : 'rest';
    const { perSecond, burst } = GUEST_RATES[kind];
    this.#freeAt[kind] = Math.max(now, this.#freeAt[kind]) + 1000 / perSecond;
    const overMs = this.#freeAt[kind] - now - (burst * 1000) / perSecond;
    return overMs > 0 ? Math.max(SHORTEST_REST_MS, overMs) : 0;
  }
}
