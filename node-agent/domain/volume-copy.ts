/**
 * A volume that begins as a copy of another session's, on the same node. The source's container is
 * frozen while it is read, and nothing starts on its volume. A copy whose success is unknown is
 * discarded and started again.
 */
import type { Observed, Remembered, SourceState } from './session.ts';
import type { Step, VolumeJob } from './step.ts';

/** The time limit of a copy, in milliseconds: its source is frozen meanwhile. */
export const COPY_MAY_TAKE_MS = 600_000;

const job = (one: VolumeJob): Step => ({ kind: 'volume', job: one });
const END = job({ kind: 'end-copy' });
const WAIT: Step = { kind: 'rest', phase: 'STARTING' };
const NO_SOURCE: Step = { kind: 'fail', reason: "Cannot copy the parent's volume: it is missing on the node of this session." };

/** Returns whether the session's current assignment still requires a copy. */
export function awaitsCopy({ assignment, copyDue, failed }: Remembered, { container }: Observed): boolean {
  if (copyDue !== true || assignment === undefined || container !== undefined) return false;
  return assignment.desired !== 'failed' && failed !== assignment.generation;
}

/**
 * Returns the state of a settled session as a source of copies. Copies wait for a source that must
 * itself become a copy first (`isWhole` false); if that failed, the source counts as gone.
 */
export function sourceState(isWhole: boolean, remembered: Remembered, observed: Observed): SourceState {
  if (remembered.copied !== 'under-way' || observed.container?.state === 'running') return 'moving';
  if (isWhole) return observed.volume === undefined ? 'gone' : 'still';
  return awaitsCopy(remembered, observed) ? 'moving' : 'gone';
}

/**
 * Returns the next step of the copy, if any. The copier starts before the source is frozen, and
 * releases it once everything was read, before flushing. The source is therefore frozen only while
 * it is read.
 */
export function copyStep(remembered: Remembered, observed: Observed): Step | undefined {
  const { assignment, copying, confirmed } = remembered;
  const { copy = 'none', source = 'moving', volume } = observed;
  if (assignment === undefined || !awaitsCopy(remembered, observed)) return copying !== undefined || copy !== 'none' ? END : undefined;
  const { generation } = assignment;
  if (copying !== undefined && copy === 'copied' && volume !== undefined) return job({ kind: 'keep-copy', generation });
  if (copy === 'broken' || copy === 'copied') return END;
  // Until the controller has sent assignments, no copy begins; one in progress continues, or
  // releases its source.
  if (!confirmed && copying !== 'holding') return WAIT;
  if (!confirmed && copy === 'none') return END;
  // A copier of a lost volume still writes to that one. It must not count for the volume that
  // replaces it.
  if (volume === undefined) return copying === undefined && copy === 'none' ? job({ kind: 'create-volume', generation }) : END;
  if (copying === undefined || copy === 'none') return job({ kind: 'prepare-copy' });
  if (copy === 'flushing') return copying === 'holding' ? job({ kind: 'release-source' }) : WAIT;
  if (copy === 'running') return WAIT;
  if (copying === 'begun') return job({ kind: 'hold-source' });
  if (source === 'gone') return NO_SOURCE;
  return source === 'still' ? job({ kind: 'start-copy' }) : WAIT;
}
