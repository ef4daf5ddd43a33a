import type { Isolation, Phase, Remembered } from '../domain/session.ts';
import type { Seen } from '../engine/seen.ts';

/** A session's report, without its position in the order of reports. */
export interface Status {
  readonly sessionId: string;
  readonly generation: number;
  readonly phase: Phase;
  readonly containerId: string;
  readonly volume: string;
  readonly reason: string;
  /** Empty: unknown. */
  readonly isolation: Isolation | '';
}

/** Has this node's labels, but no assignment or tombstone. Empty fields are absent or unknown. */
export interface Orphan {
  readonly sessionId: string;
  /** The generation at which it was created. */
  readonly generation: number;
  readonly containerId: string;
  readonly volume: string;
  readonly space: string;
  readonly image: string;
  /** Its container is frozen. */
  readonly paused: boolean;
}

/** Undefined if an assignment or a tombstone covers it, or nothing exists. */
export function orphanOf(
  sessionId: string,
  { assignment, tombstone, copying }: Pick<Remembered, 'assignment' | 'tombstone' | 'copying'>,
  { container, volume, space, image }: Seen,
): Orphan | undefined {
  if (assignment !== undefined) return undefined;
  const generation = Math.max(container?.generation ?? -1, volume?.generation ?? -1);
  if (generation < 0 || generation <= (tombstone ?? -1)) return undefined;
  // An incomplete copy can be removed, but is not offered for adoption.
  const whole = copying === undefined ? volume?.name : undefined;
  return {
    sessionId,
    generation,
    containerId: container?.id ?? '',
    volume: whole ?? '',
    space,
    image,
    paused: container?.state === 'paused',
  };
}

export function sameStatus(a: Status, b: Status): boolean {
  return (
    a.generation === b.generation &&
    a.phase === b.phase &&
    a.containerId === b.containerId &&
    a.volume === b.volume &&
    a.reason === b.reason &&
    a.isolation === b.isolation
  );
}
