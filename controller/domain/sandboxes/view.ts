import type { SandboxRow } from './rows.ts';

/** Sandboxes of sessions that are not deleted. */
export interface SandboxView {
  /** By id, after `after`. */
  sandboxesAfter(after: string, limit: number): readonly SandboxRow[];
}
