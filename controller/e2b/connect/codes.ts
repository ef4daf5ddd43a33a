import type { RefusalCode } from '../../contract/errors.ts';

/** The error codes of the Connect protocol, and their HTTP status for unary calls. */
export const HTTP_OF = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  unauthenticated: 401,
} as const;
export type ConnectCode = keyof typeof HTTP_OF;

/** The Connect code of each refusal. */
export const CONNECT_OF: Readonly<Record<RefusalCode, ConnectCode>> = {
  BAD_REQUEST: 'invalid_argument',
  UNAUTHORIZED: 'unauthenticated',
  FORBIDDEN: 'permission_denied',
  NOT_FOUND: 'not_found',
  METHOD_NOT_ALLOWED: 'unimplemented',
  REQUEST_TIMEOUT: 'deadline_exceeded',
  CONFLICT: 'failed_precondition',
  PRECONDITION_FAILED: 'failed_precondition',
  PAYLOAD_TOO_LARGE: 'resource_exhausted',
  UNSUPPORTED_MEDIA_TYPE: 'invalid_argument',
  UNPROCESSABLE_ENTITY: 'invalid_argument',
  RATE_LIMITED: 'resource_exhausted',
  INTERNAL_ERROR: 'internal',
  RANGE_NOT_SATISFIABLE: 'invalid_argument',
  UNAVAILABLE: 'unavailable',
  INSUFFICIENT_STORAGE: 'resource_exhausted',
};

/** The failure of a call, as its client sees it. */
export class ConnectError extends Error {
  readonly code: ConnectCode;

  constructor(code: ConnectCode, message: string) {
    super(message);
    this.code = code;
  }
}
