import type { Observed, Phase, Remembered } from './session.ts';
import type { Step } from './step.ts';
import { awaitsCopy, copyStep } from './volume-copy.ts';

const NO_VOLUME: Step = { kind: 'fail', reason: 'The volume of this session is missing on its node.' };

const rest = (phase: Phase | undefined): Step => ({ kind: 'rest', phase });

/**
 * Returns the next step from the desired and the observed state. Pure and total. Guarantees:
 * 1. A volume is removed only under a tombstone, and when no copy of it is awaited.
 * 2. A container is removed only under a tombstone, or because its desired state has none, there
 *    are two, it exited in a session that should be paused, or it was created outside the node's
 *    bounds. A failed start and a shutdown remove theirs elsewhere.
 * 3. A container never runs on a volume that is being copied, or that is an incomplete copy.
 * 4. Nothing at or below a tombstone is started.
 * 5. `removed` is reported only when nothing is left and the outcome of every create is known.
 */
export function nextStep(remembered: Remembered, observed: Observed): Step {
  return removal(remembered, observed) ?? keeping(remembered, observed);
}

function removal(remembered: Remembered, { container, volume, listening }: Observed): Step | undefined {
  const { tombstone, removalDue, creating, assignment, copying, copied } = remembered;
  if (tombstone === undefined) return undefined;
  const live = assignment !== undefined && assignment.generation > tombstone;
  if (!live && copying !== undefined) return { kind: 'volume', job: { kind: 'end-copy' } };
  if (creating !== undefined && creating <= tombstone) {
    // A create in progress could leave a container behind after the removal. Repeating it finds or
    // creates the container, which proves that the first call has ended; then the container is
    // removed.
    if (container !== undefined) return { kind: 'settle-create' };
    if (!listening) return { kind: 'listen' };
    if (volume === undefined) return { kind: 'volume', job: { kind: 'create-volume', generation: creating } };
    return { kind: 'create-container', generation: creating };
  }
  if (container !== undefined && container.generation <= tombstone) return { kind: 'remove-container' };
  if (volume !== undefined && volume.generation <= tombstone && container === undefined)
    return copied === undefined ? { kind: 'volume', job: { kind: 'remove-volume' } } : rest(undefined);
  if (!live && container === undefined && listening) return { kind: 'stop-listening' };
  return removalDue ? { kind: 'removed', upToGeneration: tombstone } : undefined;
}

function keeping(remembered: Remembered, observed: Observed): Step {
  const { assignment, creating, confirmed, failed, frozen } = remembered;
  const { container, volume, listening, drain } = observed;
  const held = remembered.copied === 'under-way';
  if (assignment === undefined) return copyStep(remembered, observed) ?? rest(undefined);
  if (creating !== undefined && container !== undefined) return { kind: 'settle-create' };
  if (container?.surplus && confirmed) return { kind: 'remove-container' };
  const alive = container !== undefined && (container.state === 'running' || container.state === 'paused');
  if (alive && !listening) return { kind: 'listen' };
  const copy = copyStep(remembered, observed);
  if (copy !== undefined) return copy;
  if (frozen && !held && container?.state === 'paused' && assignment.desired === 'running') return { kind: 'unpause' };
  if (!confirmed) return rest(phaseOf(remembered, observed));
  switch (assignment.desired) {
    case 'running':
      if (failed === assignment.generation) return rest('FAILED');
      if (volume === undefined && (remembered.volumeCreated || container !== undefined)) return NO_VOLUME;
      if (!listening) return { kind: 'listen' };
      if (volume === undefined) return { kind: 'volume', job: { kind: 'create-volume', generation: assignment.generation } };
      // Creating a container for another user changes the owner of all files, which must not happen
      // during a copy.
      if (container === undefined && held) return rest(phaseOf(remembered, observed));
      if (container === undefined) return { kind: 'create-container', generation: assignment.generation };
      if (held) return container.state === 'running' ? { kind: 'freeze' } : rest(phaseOf(remembered, observed));
      if (container.state === 'paused') return { kind: 'unpause' };
      if (container.state !== 'running') return container.outside ? { kind: 'remove-container' } : { kind: 'start' };
      if (drain !== 'none') return { kind: 'cancel-drain' };
      return rest(phaseOf(remembered, observed));
    case 'paused':
      if (container === undefined) return withoutContainer(remembered, observed);
      if (container.state === 'running') return { kind: 'pause' };
      // Its memory ended with the container, so the session is suspended now.
      if (container.state !== 'paused') return { kind: 'remove-container' };
      return rest('PAUSED');
    case 'suspended':
      if (container?.state === 'paused' && held) return rest('PAUSED');
      // Resume it first, so that a frozen run can finish or be interrupted.
      if (container?.state === 'paused') return { kind: 'unpause' };
      if (container?.state === 'running' && (drain === 'none' || drain === 'asked')) return { kind: 'drain' };
      if (container?.state === 'running' && drain === 'under-way') return rest(phaseOf(remembered, observed));
      return withoutContainer(remembered, observed);
    case 'failed':
      return withoutContainer(remembered, observed);
    default:
      return assignment.desired satisfies never;
  }
}

function withoutContainer(remembered: Remembered, observed: Observed): Step {
  if (observed.container !== undefined) return { kind: 'remove-container' };
  if (observed.listening) return { kind: 'stop-listening' };
  const { assignment, failed, volumeCreated } = remembered;
  const isGivenUp = assignment === undefined || assignment.desired === 'failed' || failed === assignment.generation;
  if (!isGivenUp && volumeCreated && observed.volume === undefined) return NO_VOLUME;
  return rest(phaseOf(remembered, observed));
}

/** Returns what to report of a session that is in its desired state or has to wait. */
export function phaseOf(remembered: Remembered, observed: Observed): Phase | undefined {
  const { assignment, failed, frozen } = remembered;
  const { container, guest } = observed;
  if (assignment === undefined) return undefined;
  if (failed === assignment.generation || assignment.desired === 'failed') return 'FAILED';
  if (awaitsCopy(remembered, observed)) return 'STARTING';
  // A short freeze for a copy is not reported.
  const running = container?.state === 'running' || (container?.state === 'paused' && frozen && assignment.desired === 'running');
  if (running) return guest ? 'RUNNING' : 'STARTING';
  if (container?.state === 'paused') return 'PAUSED';
  // An exited container still has to be removed.
  return assignment.desired === 'running' || container !== undefined ? 'STARTING' : 'SUSPENDED';
}
