import type { Clock } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { Random } from '../../../seams/random.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Applier } from './applier.ts';
import type { Loops } from './loops.ts';

/** Dependencies of the controller's background loops. Each loop uses some of them. */
export interface Background {
  readonly loops: Pick<Loops, 'open'>;
  readonly applier: Applier;
  readonly view: View;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}
