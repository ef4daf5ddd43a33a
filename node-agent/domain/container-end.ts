/** How a container's main process ended. */
export interface Exit {
  readonly code: number;
  /**
   * The engine reports that a process of the container was killed for memory, at the end or
   * earlier.
   */
  readonly outOfMemory: boolean;
}

/** Must equal the exit code in guest/volume/disk-full.ts. */
const DISK_FULL = 28;
const KILLED = 137;
const TERMINATED = 143;

/**
 * Returns a phrase such as "with exit code 3". Undefined means that the container no longer exists.
 */
export function describeExit(exit: Exit | undefined): string {
  if (exit === undefined) return 'because something other than the node agent removed it';
  const { code, outOfMemory } = exit;
  // The engine also remembers earlier out-of-memory kills, so only this exit code suggests one.
  if (code === KILLED) return `with exit code ${code} (killed${outOfMemory ? ', perhaps out of memory' : ''})`;
  if (code === DISK_FULL) return `with exit code ${code} (the disk is full)`;
  return `with exit code ${code}${code === TERMINATED ? ' (terminated by SIGTERM)' : ''}`;
}

/** Returns why a session failed, for its user. `last` describes the last exit. */
export function tooManyEnds(last: string): string {
  return `Its container ended five times in ten minutes, last ${last}.`;
}
