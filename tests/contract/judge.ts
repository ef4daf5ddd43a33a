import type { Operation } from './document.ts';

/** An answer as received. */
export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

const header = (headers: Got['headers'], name: string): string => `${headers[name] ?? ''}`;

/** The error code of each error status. */
const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  416: 'RANGE_NOT_SATISFIABLE',
  417: 'BAD_REQUEST',
  422: 'UNPROCESSABLE_ENTITY',
  429: 'RATE_LIMITED',
  431: 'BAD_REQUEST',
  503: 'UNAVAILABLE',
  507: 'INSUFFICIENT_STORAGE',
};
/** What tells of the inside of the server. */
export const INTERNAL = /node_modules|SQLITE|\.ts\b|\bat \S+ \(|\/work\/|\/tmp\//;

/** Returns what is wrong with an answer to any request. */
export function faultsOfAny({ status, headers, text }: Got, wasHead: boolean): string[] {
  const faults: string[] = [];
  if (status >= 500 && status !== 503) faults.push('a server error');
  if (headers['x-request-id'] === undefined) faults.push('no X-Request-Id');
  if (status === 401 && headers['www-authenticate'] === undefined) faults.push('no WWW-Authenticate');
  if (status === 405 && headers.allow === undefined) faults.push('no Allow');
  if (status === 429 && !/^[1-9]\d*$/.test(header(headers, 'retry-after'))) faults.push('no Retry-After');
  if (wasHead || status === 204) {
    if (text !== '') faults.push('a body where none is allowed');
    return faults;
  }
  if (status >= 400) faults.push(...faultsOfError(status, header(headers, 'content-type'), text));
  return faults;
}

function faultsOfError(status: number, type: string, text: string): string[] {
  if (!type.startsWith('application/json')) return [`an error as ${type}`];
  const body = parsed(text);
  if (typeof body !== 'object' || body === null || !('error' in body)) return ['an error of another shape'];
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error))
    return ['an error without code or message'];
  if (error.code !== CODES[status]) return [`the code ${String(error.code)} with the status ${status}`];
  if (typeof error.message !== 'string' || error.message === '') return ['an error without a message'];
  // Details can repeat the request, and nothing else.
  return INTERNAL.test(error.message) ? [`a message that tells of the inside: ${error.message}`] : [];
}

/** Returns how the answer of an operation differs from the document. */
export function faultsOf(operation: Operation, { status, headers, text }: Got): string[] {
  const documented = operation.answers.get(status);
  if (documented === undefined) return [`${status} is not in the document`];
  const missing = documented.headers.filter((name) => headers[name.toLowerCase()] === undefined).map((name) => `no ${name}`);
  // The document has one media type for each answer, but followed logs, and a command's output if
  // that is wanted, come as a stream.
  if (
    operation.query.some(({ name }) => name === 'follow' || name === 'stream') &&
    header(headers, 'content-type').startsWith('text/event-stream')
  )
    return missing;
  if (documented.mediaType === undefined) return text === '' ? missing : [...missing, 'a body that is not in the document'];
  if (documented.otherTypes.some((type) => header(headers, 'content-type').startsWith(type))) return missing;
  if (!header(headers, 'content-type').startsWith(documented.mediaType)) return [...missing, `a body as ${headers['content-type']}`];
  if (documented.mediaType !== 'application/json') return missing;
  const body = parsed(text);
  if (body === undefined) return [...missing, 'a body that is no JSON'];
  const fault = documented.fault(body);
  return fault === undefined ? missing : [...missing, `a body that does not fit: ${fault}`];
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
