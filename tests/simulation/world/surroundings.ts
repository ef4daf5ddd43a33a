import type { Barriers } from '../../../seams/barrier.ts';
import type { Auditors } from './auditors.ts';
import type { Chronicle } from './chronicle.ts';
import type { SimulatedTime } from './clock.ts';
import type { Life } from './life.ts';
import { isPhase, type Phase } from './phases.ts';
import type { Trace } from './trace.ts';

/** Where a phase was reached: the process and the object. */
export interface Place {
  readonly life: Life;
  readonly machine?: string;
  readonly sessionId?: string;
}

/** What every part of the world can use. */
export interface Surroundings {
  readonly time: SimulatedTime;
  readonly trace: Trace;
  readonly chronicle: Chronicle;
  readonly auditors: Auditors;
  /**
   * A fault can strike now. Returns undefined to continue; else the process is stopped or dead, and
   * continues when it resolves, if ever.
   */
  readonly reach: (phase: Phase, place: Place) => Promise<void> | undefined;
  /** Reports something that must never happen. */
  readonly violation: (what: string) => void;
}

export const barriersAt = ({ reach }: Pick<Surroundings, 'reach'>, place: Place): Barriers => ({
  reach: (name) => (isPhase(name) ? reach(name, place) : undefined),
});
