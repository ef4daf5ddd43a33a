import type { Phase } from './domain/session.ts';

/** What is reported of a session; the order of reports is given where they are sent. */
export interface Status {
  readonly sessionId: string;
  readonly generation: number;
  readonly phase: Phase;
  readonly containerId: string;
  readonly volume: string;
  readonly reason: string;
}

/** What carries this node's labels, and no assignment and no tombstone explains. Empty: not there, or unknown. */
export interface Orphan {
  readonly sessionId: string;
  /** At which it was made. */
  readonly generation: number;
  readonly containerId: string;
  readonly volume: string;
  readonly space: string;
  readonly image: string;
}

export function sameStatus(a: Status, b: Status): boolean {
  return (
    a.generation === b.generation &&
    a.phase === b.phase &&
    a.containerId === b.containerId &&
    a.volume === b.volume &&
    a.reason === b.reason
  );
}
