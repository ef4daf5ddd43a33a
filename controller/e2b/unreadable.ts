import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Random } from '../../seams/random.ts';
import { sendError } from './answers.ts';

const UNREADABLE: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request arrived too slowly.'],
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
};

/**
 * Answers what Node.js rejects before a listener sees it. A connection without a complete handshake is
 * closed: an answer cannot be written to it, and Node.js leaves it open if the handshake took too long.
 */
export function answerUnreadable(server: Server, random: Pick<Random, 'uuid'>): void {
  server.prependListener('tlsClientError', (_fault: Error, socket: Duplex) => void socket.destroy());
  server.on('clientError', answerFault);
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    req.resume();
    res.setHeader('X-Request-Id', random.uuid());
    sendError(res, 417, 'The server does not meet the expectation in the header Expect. Leave it out.');
  });
}

function answerFault(fault: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || fault.code === 'ECONNRESET') return void socket.destroy();
  const [status, message] = UNREADABLE[fault.code ?? ''] ?? [400, 'The request is not valid HTTP.'];
  const body = JSON.stringify({ code: status, message });
  const head = `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close`;
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n\r\n${body}`);
}
