import type { Test } from 'tap';
import { Loops } from '../../../controller/services/engine/loops.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { systemClock, systemRandom } from '../../../seams/system.ts';
import { silent } from './core.ts';

/** Background loops that end with the test. */
export function loopsOf(t: Pick<Test, 'teardown'>, clock: Clock = systemClock, log: Log = silent): Loops {
  const loops = new Loops({ clock, random: systemRandom, log });
  t.teardown(() => loops.close());
  return loops;
}

/** No session is in use. */
export const NO_USES = { isUsed: () => false, onEnd: () => undefined };
