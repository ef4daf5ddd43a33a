import type { Barriers } from '../../../seams/barrier.ts';
import type { Auditors } from './auditors.ts';
import type { Chronicle } from './chronicle.ts';
import type { SimulatedTime } from './clock.ts';
import type { Life } from './life.ts';
import { isPhase, type Phase } from './phases.ts';
import type { Trace } from './trace.ts';

/** Where a phase was reached: in which process, and about what. */
export interface Place {
  readonly life: Life;
  readonly machine?: string;
  readonly sessionId?: string;
}

/** What every part of the world has around it. */
export interface Surroundings {
  readonly time: SimulatedTime;
  readonly trace: Trace;
  readonly chronicle: Chronicle;
  readonly auditors: Auditors;
  /** A fault may strike now. Undefined: go on. Else the process is held or dead, and goes on when it resolves, if ever. */
  readonly reach: (phase: Phase, place: Place) => Promise<void> | undefined;
  /** Something that may never be. */
  readonly violation: (what: string) => void;
}

export const barriersAt = ({ reach }: Pick<Surroundings, 'reach'>, place: Place): Barriers => ({
  reach: (name) => (isPhase(name) ? reach(name, place) : undefined),
});
