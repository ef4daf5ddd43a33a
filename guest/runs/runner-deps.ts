import type { Router__Output as Router } from '../../proto/generated/raworc/v0/Router.ts';
import type { Barriers } from '../../seams/barrier.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { LineStore } from '../logs/line-store.ts';
import type { Worker, WorkerHost } from './worker-host.ts';

export interface RunnerDeps {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly barriers: Barriers;
  readonly workers: WorkerHost;
  readonly runLimitMs: number;
  /** Returns what asks a space's model. `secrets` are all of the space. Default: HTTP. */
  readonly model?: (task: Router, secrets: Readonly<Record<string, string>>) => Worker;
  /** Undefined: output of agents is not kept. */
  readonly lines?: LineStore;
}
