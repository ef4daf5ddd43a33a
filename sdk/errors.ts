/** What the server said when it refused. */
export interface Refusal {
  /** HTTP's status. */
  readonly status: number;
  /** Which refusal it is: NOT_FOUND, CONFLICT, …; UNEXPECTED where what answered does not seem to be a Raworc. */
  readonly code: string;
  /** In words for a person, which say what to do. */
  readonly message: string;
  /** Of a 422: path and problem of each field. */
  readonly details?: unknown;
  /** Finds the request in the log of the server. */
  readonly requestId?: string | undefined;
  /** When to come back, in seconds, where the server said so. */
  readonly retryAfterS?: number | undefined;
}

/** The server answered, and said no; whatever could be tried again was. */
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
 * The server did not answer, or not to the end, as often as it was tried. What was asked for may have been done: repeat it with the
 * same idempotency key, or look.
 */
export class Unreachable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Unreachable';
  }
}

/** What is waited for cannot come any more: the session failed or was deleted, or the message was cleared or lost by a restore. */
export class NothingToCome extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NothingToCome';
  }
}

/** What a response that is no success says. Reads its body. */
export async function refusalIn(response: Response, url: string): Promise<RaworcError> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  const retryAfterS = retryAfter(response.headers.get('retry-after'));
  const said = errorIn(parsed(await response.text()));
  const { code, message } = said ?? { code: 'UNEXPECTED', message: `${url} answered with ${response.status}: is it a Raworc?` };
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

/** In seconds only: a date would be judged by a clock that may be wrong. */
function retryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}
