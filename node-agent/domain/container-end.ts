/** How a container's main process ended. */
export interface Exit {
  readonly code: number;
  /**
   * The engine reports that a process of the container was killed for memory, at the end or
   * earlier.
   */
  readonly outOfMemory: boolean;
}

/** As in guest/volume/disk-full.ts. */
const DISK_FULL = 28;
const KILLED = 137;
const TERMINATED = 143;

/** "with exit code 3"; undefined stands for a container that is not there any more. */
export function describeExit(exit: Exit | undefined): string {
  if (exit === undefined) return 'because something other than the node agent removed it';
  const { code, outOfMemory } = exit;
  // The engine remembers every kill for memory; a different exit code has another cause.
  if (code === KILLED) return `with exit code ${code} (killed${outOfMemory ? ', perhaps out of memory' : ''})`;
  if (code === DISK_FULL) return `with exit code ${code} (the disk is full)`;
  return `with exit code ${code}${code === TERMINATED ? ' (terminated by SIGTERM)' : ''}`;
}

/** Why a session is given up, for a person. `last`: how the last end was. */
export function tooManyEnds(last: string): string {
  return `Its container ended five times in ten minutes, last ${last}.`;
}
