import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Random } from '../../../seams/random.ts';
import type { RefusalCode } from '../../contract/errors.ts';
import { errorBody } from '../routing/errors.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

interface Answer {
  readonly status: number;
  readonly code: RefusalCode;
  readonly message: string;
  readonly allow?: string;
}

const NOT_HTTP: Answer = { status: 400, code: 'BAD_REQUEST', message: 'The request is not valid HTTP.' };
const HOST: Answer = { status: 400, code: 'BAD_REQUEST', message: 'An HTTP/1.1 request needs exactly one Host header.' };
const EXPECTATION: Answer = { status: 417, code: 'BAD_REQUEST', message: 'The Expect header supports only 100-continue.' };
const METHOD: Answer = {
  status: 405,
  code: 'METHOD_NOT_ALLOWED',
  message: 'The method is not supported. The Allow header lists the methods that are.',
  allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
};
const BY_FAULT: Readonly<Record<string, Answer>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'REQUEST_TIMEOUT', message: 'The request arrived too slowly.' },
  HPE_HEADER_OVERFLOW: { status: 431, code: 'BAD_REQUEST', message: 'The headers are too large.' },
};
/** A request line with a method unknown to Node.js. */
const REQUEST_LINE = /^[A-Za-z]+ \S+ HTTP\/1\.[01]\r\n/;

type Unreadable = Error & { readonly code?: string; readonly rawPacket?: unknown };

/**
 * Answers requests that Node.js rejects before Koa sees them, in the format of all other errors.
 */
export function answerUnreadable(server: Server, random: Random): void {
  server.on('clientError', (fault: Unreadable, socket: Duplex) => {
    if (!socket.writable || fault.code === 'ECONNRESET') socket.destroy();
    else writeAnswer(socket, answerTo(fault), random);
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    writeAnswer(socket, METHOD, random);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    respond(response, EXPECTATION, random);
  });
}

/**
 * Refuses a request without exactly one Host header (RFC 9112, 3.2). The check of Node.js is off,
 * because its answer is not JSON.
 */
export function withHost(listener: RequestListener, random: Random): RequestListener {
  return (request, response) => {
    if (hasOneHost(request)) listener(request, response);
    else respond(response, HOST, random);
  };
}

function hasOneHost({ headers, rawHeaders, httpVersion }: IncomingMessage): boolean {
  if (headers.host === undefined) return httpVersion !== '1.1';
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  return hosts === 1;
}

function answerTo({ code = '', rawPacket }: Unreadable): Answer {
  const known = BY_FAULT[code];
  if (known !== undefined) return known;
  const isOnlyTheMethod =
    code === 'HPE_INVALID_METHOD' && Buffer.isBuffer(rawPacket) && REQUEST_LINE.test(rawPacket.toString('latin1', 0, 16_384));
  return isOnlyTheMethod ? METHOD : NOT_HTTP;
}

const bodyOf = ({ code, message }: Answer) => JSON.stringify(errorBody({ code, message }));

function headersOf(answer: Answer, random: Random): Readonly<Record<string, string>> {
  return {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(bodyOf(answer))),
    ...SECURITY_HEADERS,
    'X-Request-Id': random.uuid(),
    ...(answer.allow === undefined ? {} : { Allow: answer.allow }),
    Connection: 'close',
  };
}

function respond(response: ServerResponse, answer: Answer, random: Random): void {
  response.writeHead(answer.status, headersOf(answer, random));
  response.end(bodyOf(answer));
}

function writeAnswer(socket: Duplex, answer: Answer, random: Random): void {
  const lines = Object.entries(headersOf(answer, random)).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n${lines.join('')}\r\n${bodyOf(answer)}`);
}
