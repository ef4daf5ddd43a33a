/** Decides the order in which a daemon changes its version. Pure: run-upgrade.ts acts. */

export type Phase = 'switch' | 'restart' | 'check' | 'switch-back' | 'restart-back' | 'check-back';

/** `broken`: the old version is in place again, but does not become ready either. */
export type Outcome = 'upgraded' | 'reverted' | 'broken';

/** An upgrade in progress. It is durable before each phase begins, and every phase can be repeated. */
export interface Upgrade {
  /** Names of versions. */
  readonly from: string;
  readonly to: string;
  readonly phase: Phase;
  /** Whether the daemon was healthy before. If it was not, the new version only has to run. */
  readonly wasHealthy: boolean;
  /** The time that the operator gave the new version. Undefined: the default. */
  readonly withinMs?: number | undefined;
}

/** What follows a phase that succeeded, and one that failed. */
const NEXT: Readonly<Record<Phase, readonly [Phase | Outcome, Phase | Outcome]>> = {
  switch: ['restart', 'switch-back'],
  restart: ['check', 'switch-back'],
  check: ['upgraded', 'switch-back'],
  'switch-back': ['restart-back', 'broken'],
  'restart-back': ['check-back', 'broken'],
  'check-back': ['reverted', 'broken'],
};

export const nextPhase = (phase: Phase, hasSucceeded: boolean): Phase | Outcome => NEXT[phase][hasSucceeded ? 0 : 1];

export const isPhase = (word: string): word is Phase => Object.hasOwn(NEXT, word);

/** The version that is in place once the phase has begun. */
export const versionIn = ({ from, to, phase }: Upgrade): string => (phase.endsWith('-back') ? from : to);
