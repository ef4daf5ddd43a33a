/**
 * A volume that begins as a copy of another session's, on the same node. The source's container is frozen while the copy is made and nothing is
 * started on its volume; whatever was copied before the copy is known to have ended well counts for nothing and is done anew.
 */
import type { Step } from './next-step.ts';
import type { Observed, Remembered } from './session.ts';

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

/** The next step towards the copy; undefined when there is none to take. */
export function copyStep(remembered: Remembered, observed: Observed): Step | undefined {
  const { assignment, copying = false, judged } = remembered;
  const { copy = 'none', source = 'moving', volume } = observed;
  if (assignment === undefined || !awaitsCopy(remembered, observed)) return copying || copy !== 'none' ? END : undefined;
  if (copying && copy === 'copied' && volume !== undefined) return { kind: 'keep-copy', generation: assignment.generation };
  if (copy === 'broken' || copy === 'copied') return END;
  // Its source may go on until the controller has spoken; what is being copied is let end.
  if (!judged) return copying && copy !== 'running' ? END : WAIT;
  if (volume === undefined) return { kind: 'create-volume', generation: assignment.generation };
  if (!copying || copy === 'none') return { kind: 'begin-copy' };
  if (source === 'gone') return NO_SOURCE;
  return copy === 'ready' && source === 'still' ? { kind: 'start-copy' } : WAIT;
}
