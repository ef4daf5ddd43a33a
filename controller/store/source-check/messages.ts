import type { Outcome } from '../../domain/engine/outcome.ts';
import type { CheckedArchive, SourcePaths } from '../../services/agents/source-check.ts';

/** Messages between the controller and the checker process, as JSON. */
export interface CheckRequest extends SourcePaths {
  readonly uploadPath: string;
}

/**
 * The process claims space before it writes, in steps of {@link CLAIM_STEP_BYTES} or one write, and
 * waits for the answer.
 */
export type FromChecker =
  | { readonly claim: number }
  | { readonly checked: Outcome<CheckedArchive> }
  | { readonly fault: { readonly message: string; readonly code?: string } };

export type ToChecker = { readonly check: CheckRequest } | { readonly claimed: Outcome<null> };

export const CLAIM_STEP_BYTES = 1024 * 1024;
