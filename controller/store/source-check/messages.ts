import type { Outcome } from '../../domain/engine/outcome.ts';
import type { CheckedArchive, SourcePaths } from '../../services/agents/source-check.ts';

/** What the controller and the process that checks archives send each other, as JSON. */
export interface CheckRequest extends SourcePaths {
  readonly uploadPath: string;
}

/** The process asks before it writes, in steps of {@link CLAIM_STEP_BYTES} or one write, and writes nothing until it has the answer. */
export type FromChecker =
  | { readonly claim: number }
  | { readonly checked: Outcome<CheckedArchive> }
  | { readonly fault: { readonly message: string; readonly code?: string } };

export type ToChecker = { readonly check: CheckRequest } | { readonly claimed: Outcome<null> };

export const CLAIM_STEP_BYTES = 1024 * 1024;
