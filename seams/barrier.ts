/**
 * A named place where a test may hold a process and see that it was reached. In production nothing holds.
 * A process of a test is given a directory (RAWORC_BARRIERS): it waits at `name` while the file `name.hold` is there,
 * having written `name.reached`.
 */
export interface Barriers {
  /** Undefined where nothing holds, so that the hot path makes no promise. */
  reach(name: string): Promise<void> | undefined;
}

export const noBarriers: Barriers = { reach: () => undefined };
