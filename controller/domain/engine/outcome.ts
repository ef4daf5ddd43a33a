/** Every way in which a request is refused. http/errors.ts maps them to status codes, grpc/errors.ts to gRPC's. */
export type RefusalCode =
  | 'BAD_REQUEST'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'CONFLICT'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'UNPROCESSABLE_ENTITY'
  | 'RATE_LIMITED'
  | 'INTERNAL_ERROR'
  | 'UNAVAILABLE';

export interface Refusal {
  readonly code: RefusalCode;
  /** One sentence for a person, saying what to do where something can be done. */
  readonly message: string;
  readonly details?: unknown;
  /** The thing is there, and the caller may not know it. For the audit record: no answer shows it. */
  readonly hidden?: true;
  /** Nothing was decided, because rights changed after the request was judged by them: it has to be judged again. */
  readonly stale?: true;
  /** Replaces both for a caller without nodes:list, who is not told which nodes there are and how full they are. */
  readonly withoutNodes?: { readonly message: string; readonly details?: unknown };
}

/** An expected refusal is a value; what throws is a fault. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export const accepted = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const refused = (code: RefusalCode, message: string, details?: unknown): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: details === undefined ? { code, message } : { code, message, details },
});

/** The same refusal, of a thing that is there. */
export const hidden = ({ refusal }: { readonly refusal: Refusal }): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { ...refusal, hidden: true },
});

/** The refusal for a caller who may see the nodes, or may not. */
export function refusalFor({ withoutNodes, ...refusal }: Refusal, seesNodes: boolean): Refusal {
  return seesNodes || withoutNodes === undefined ? refusal : { code: refusal.code, ...withoutNodes };
}

/** A refusal of something that returns no outcome: http/errors.ts answers with it as with any other. */
export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(code: RefusalCode, message: string, details?: unknown) {
    super(message);
    this.refusal = refused(code, message, details).refusal;
  }
}
