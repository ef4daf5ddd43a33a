/** A refusal by the server. */
export interface Refusal {
  /** The HTTP status. */
  readonly status: number;
  /** Such as NOT_FOUND or CONFLICT; UNEXPECTED if the response does not come from Raworc. */
  readonly code: string;
  /** For people: what happened and what to do. */
  readonly message: string;
  /** For a 422: path and problem of each field. */
  readonly details?: unknown;
  /** Identifies the request in the server's log. */
  readonly requestId?: string | undefined;
  /** Seconds after which to retry, if the server said so. */
  readonly retryAfterS?: number | undefined;
}

/** The server refused the request, after all possible retries. */
export class RaworcError extends Error implements Refusal {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  readonly requestId: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor({ status, code, message, details, requestId, retryAfterS }: Refusal) {
    super(message);
    this.name = 'RaworcError';
    this.status = status;
    this.code = code;
    this.details = details;
    this.requestId = requestId;
    this.retryAfterS = retryAfterS;
  }
}

/**
 * The server did not respond, or not completely, to any try. The request may have been carried out:
 * repeat it with the same idempotency key, or read the state.
 */
export class Unreachable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Unreachable';
  }
}

/**
 * The awaited result cannot come: the session failed or was deleted, or the message was cleared or
 * lost in a restore.
 */
export class NothingToCome extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NothingToCome';
  }
}

/** Returns the error in an unsuccessful response. Reads its body. */
export async function refusalIn(response: Response, url: string): Promise<RaworcError> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  const retryAfterS = retryAfter(response.headers.get('retry-after'));
  const said = errorIn(parsed(await response.text()));
  const { code, message } = said ?? {
    code: 'UNEXPECTED',
    message: `${url} responded with ${response.status} and no Raworc error. Check the address`,
  };
  return new RaworcError({ status: response.status, code, message, details: said?.details, requestId, retryAfterS });
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

function errorIn(body: unknown): { code: string; message: string; details: unknown } | undefined {
  const error = isFields(body) ? body.error : undefined;
  if (!isFields(error) || typeof error.code !== 'string' || typeof error.message !== 'string') return undefined;
  return { code: error.code, message: error.message, details: error.details };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Only seconds are used: this machine's clock may disagree with a date. */
function retryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}
