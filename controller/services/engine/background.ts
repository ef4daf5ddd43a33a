import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Applier } from './applier.ts';
import type { Loops } from './loops.ts';

/** What background work of the controller is made of. Each loop picks what it uses. */
export interface Background {
  readonly loops: Pick<Loops, 'open'>;
  readonly applier: Applier;
  readonly view: View;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}
