import type { RefusalCode } from '../../contract/errors.ts';

export interface Refusal {
  readonly code: RefusalCode;
  /** One or two sentences for the user: what happened and, if possible, what to do. */
  readonly message: string;
  readonly details?: unknown;
  /** The resource exists, but the caller must not learn that. Only the audit log shows it. */
  readonly hidden?: true;
  /**
   * Rights changed after the check of the request. Nothing was decided; the request must be checked
   * again.
   */
  readonly stale?: true;
  /**
   * Message and details for callers without nodes:list, who must not learn about nodes and their
   * load.
   */
  readonly withoutNodes?: { readonly message: string; readonly details?: unknown };
}

export interface Refused {
  readonly ok: false;
  readonly refusal: Refusal;
}

/** An expected refusal is a value; a fault throws. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refused;

export const accepted = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const refused = (code: RefusalCode, message: string, details?: unknown): Refused => ({
  ok: false,
  refusal: details === undefined ? { code, message } : { code, message, details },
});

/** Applies `next` to an accepted value. Returns a refusal unchanged. */
export const mapped = <From, To>(outcome: Outcome<From>, next: (value: From) => To): Outcome<To> =>
  outcome.ok ? accepted(next(outcome.value)) : outcome;

/** Returns the same refusal, marked as hiding an existing resource. */
export const hidden = ({ refusal }: Refused): Refused => ({
  ok: false,
  refusal: { ...refusal, hidden: true },
});

/** Returns the refusal as this caller can see it, with or without nodes. */
export function refusalFor({ withoutNodes, ...refusal }: Refusal, seesNodes: boolean): Refusal {
  return seesNodes || withoutNodes === undefined ? refusal : { code: refusal.code, ...withoutNodes };
}

/** A refusal thrown by code that returns no outcome. http/routing/errors.ts answers with it. */
export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(code: RefusalCode, message: string, details?: unknown) {
    super(message);
    this.refusal = refused(code, message, details).refusal;
  }
}
