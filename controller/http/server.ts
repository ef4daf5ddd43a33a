import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { RefusalCode } from '../domain/outcome.ts';
import type { HttpApp } from './app.ts';
import { Connections } from './connections.ts';
import { errorBody } from './errors.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 for one that is free. */
  readonly port: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Ends the event streams, lets requests that are being answered finish for at most `graceMs`, then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 15_000;
/** For a whole request with its body: an upload of 64 MiB on a slow line. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Longer than load balancers and clients keep theirs, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;
const DEFAULT_GRACE_MS = 5000;

/** Rejects when the address is taken or the certificate cannot be read. */
export async function listen(app: HttpApp, options: ListenOptions): Promise<HttpServer> {
  const server = serverFor(app.koa.callback(), options);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.on('clientError', answerUnreadable);
  const connections = new Connections(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, family, port } = addressOf(server);
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    host: address,
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    close: (graceMs = DEFAULT_GRACE_MS) => close(server, connections, app, graceMs),
  };
}

function serverFor(listener: RequestListener, { tls }: ListenOptions): Server {
  if (tls === undefined) return createServer({ noDelay: true }, listener);
  const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
  return createTlsServer({ cert, key, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_TIMEOUT_MS, noDelay: true }, listener);
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no TCP port');
  return address;
}

function close(server: Server, connections: Connections, app: HttpApp, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = app.clock.after(graceMs, () => server.closeAllConnections());
    server.close(() => {
      cut.cancel();
      resolve();
    });
    app.streams.close();
    connections.closeWhenIdle();
  });
}

const UNREADABLE: Readonly<Record<string, { status: number; code: RefusalCode; message: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'BAD_REQUEST', message: 'The request took too long to arrive' },
  HPE_HEADER_OVERFLOW: { status: 431, code: 'BAD_REQUEST', message: 'The headers are too large' },
};

/** What is no HTTP never reaches Koa; it gets the shape of every other error. */
function answerUnreadable(fault: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || fault.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { status, code, message } = UNREADABLE[fault.code ?? ''] ?? {
    status: 400,
    code: 'BAD_REQUEST',
    message: 'The request is not HTTP',
  };
  const body = JSON.stringify(errorBody({ code, message }));
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: application/json; charset=utf-8\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}
