import type { Barriers } from '../../seams/barrier.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { LineStore } from '../logs/line-store.ts';
import type { WorkerHost } from './worker-host.ts';

export interface RunnerDeps {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly workers: WorkerHost;
  readonly runLimitMs: number;
  /** Undefined: output of agents is not kept. */
  readonly lines?: LineStore;
}
