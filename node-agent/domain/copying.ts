/**
 * A volume that begins as a copy of another session's, on the same node. The source's container is frozen while the copy is made and nothing is
 * started on its volume; whatever was copied before the copy is known to have ended well counts for nothing and is done anew.
 */
import type { Step } from './next-step.ts';
import type { Observed, Remembered, SourceState } from './session.ts';

/** How long a copy may take, in milliseconds: its source is frozen meanwhile. */
export const COPY_MAY_TAKE_MS = 600_000;

const END: Step = { kind: 'end-copy' };
const WAIT: Step = { kind: 'rest', phase: 'STARTING' };
const NO_SOURCE: Step = { kind: 'fail', reason: 'The volume that this session was to begin as a copy of is missing on its node.' };

/** Whether the session is still to get its copy under what is wanted of it now. */
export function awaitsCopy({ assignment, copyDue, failed }: Remembered, { container }: Observed): boolean {
  if (copyDue !== true || assignment === undefined || container !== undefined) return false;
  return assignment.desired !== 'failed' && failed !== assignment.generation;
}

/**
 * What can be copied of a volume on which nothing runs. One that is itself still to become a copy (`isWhole` false) holds nothing yet: it is waited
 * for, and counts as gone once that was given up.
 */
export function stillSource(isWhole: boolean, remembered: Remembered, observed: Observed): SourceState {
  if (isWhole) return observed.volume === undefined ? 'gone' : 'still';
  return awaitsCopy(remembered, observed) ? 'moving' : 'gone';
}

/**
 * The next step towards the copy; undefined when there is none to take. What copies is started before the source is frozen, and lets it go once all
 * of it was read, before that is on the disk: the source is still for no longer than the reading takes.
 */
export function copyStep(remembered: Remembered, observed: Observed): Step | undefined {
  const { assignment, copying, judged } = remembered;
  const { copy = 'none', source = 'moving', volume } = observed;
  if (assignment === undefined || !awaitsCopy(remembered, observed)) return copying !== undefined || copy !== 'none' ? END : undefined;
  if (copying !== undefined && copy === 'copied' && volume !== undefined) return { kind: 'keep-copy', generation: assignment.generation };
  if (copy === 'broken' || copy === 'copied') return END;
  // Before the controller has spoken nothing is begun; what had begun to copy goes on, or its source is let go.
  if (!judged && copying !== 'holding') return WAIT;
  if (!judged && (copy === 'none' || volume === undefined)) return END;
  if (volume === undefined) return { kind: 'create-volume', generation: assignment.generation };
  if (copying === undefined || copy === 'none') return { kind: 'begin-copy' };
  if (copy === 'flushing') return copying === 'holding' ? { kind: 'let-source' } : WAIT;
  if (copy === 'running') return WAIT;
  if (copying === 'begun') return { kind: 'hold-source' };
  if (source === 'gone') return NO_SOURCE;
  return source === 'still' ? { kind: 'start-copy' } : WAIT;
}
