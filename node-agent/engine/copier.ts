import type { Made } from './driver.ts';

export interface CopyPlan {
  /** Whose volume is made the copy; it is there, and what it holds counts for nothing. */
  readonly sessionId: string;
  /** Whose volume is copied. It is only read. */
  readonly from: string;
  readonly space: string;
  /** What copies is in it: a shell and cp. */
  readonly image: string;
}

export type CopySeen =
  /** `alive`: it waits, or is at it. */
  | { readonly state: 'none' | 'alive' | 'copied' }
  /** `passing`: it was ended from outside, and may well succeed the next time. `reason` is one sentence for a person. */
  | { readonly state: 'broken'; readonly passing: boolean; readonly reason: string };

/**
 * Makes volumes copies of others: everything in them, with owners, modes and times, links as links. What it does goes on when the node agent
 * ends, and is found again. The rules of {@link Driver} hold for each call.
 */
export interface VolumeCopier {
  /** What is to copy is there afterwards, and waits to be started, unless it was. */
  prepare(plan: CopyPlan, signal: AbortSignal): Promise<Made>;
  /** Begins, unless it had: the volume is emptied first. Calls `read` once it needs the source no more, if it can; its end is told as a change of the session. */
  start(sessionId: string, read: () => void, signal: AbortSignal): Promise<Made>;
  observe(sessionId: string, signal: AbortSignal): Promise<CopySeen>;
  /** Ends it, however far it is. */
  end(sessionId: string, signal: AbortSignal): Promise<void>;
  /** Sessions into whose volumes copies were begun and not ended. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** Nobody is told anything any more. What copies goes on. */
  close(): void;
}
