import type { Reason } from '../runs/reasons.ts';

/** Why a call gave no reply. */
export class ModelError extends Error {
  readonly reason: Reason;
  readonly canRetry: boolean;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, retry: { readonly canRetry?: boolean; readonly afterMs?: number | undefined } = {}) {
    super(message);
    this.reason = reason;
    this.canRetry = retry.canRetry ?? false;
    this.retryAfterMs = retry.afterMs;
  }
}

/** What a server said in a stream of its failure. It can contain the key. */
export class StreamFailure extends Error {
  readonly canRetry: boolean;

  constructor(words: string, canRetry: boolean) {
    super(words);
    this.canRetry = canRetry;
  }
}
