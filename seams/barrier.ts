/**
 * A named point where a test can hold a process and see that the process reached it. Production has
 * none.
 *
 * A test process gets a directory (RAWORC_BARRIERS). At `name` it writes `name.reached`, then waits
 * while the file `name.hold` exists.
 */
export interface Barriers {
  /** Returns undefined where nothing holds, so that the hot path allocates no promise. */
  reach(name: string): Promise<void> | undefined;
}

export const noBarriers: Barriers = { reach: () => undefined };
