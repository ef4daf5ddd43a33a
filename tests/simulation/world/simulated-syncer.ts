import type { Syncer } from '../../../controller/store/sqlite/syncs/syncer.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { SeededRandom } from './random.ts';

const USUAL_MS = 3;
const SLOW_MS = 400;
const SLOW_SHARE = 0.02;

/**
 * Lets the store's syncs take time, sometimes much. A process that dies meanwhile leaves a commit
 * that it told nobody of.
 */
export function simulatedSyncer(clock: Pick<Clock, 'after'>, random: SeededRandom): Syncer {
  return {
    isApart: true,
    sync() {
      const ms = random.between(0, random.chance(SLOW_SHARE) ? SLOW_MS : USUAL_MS);
      return new Promise((resolve) => void clock.after(ms, resolve));
    },
    syncNow: () => undefined,
  };
}
