import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { sendError } from './answers.ts';
import { controlPlane } from './control/control-plane.ts';
import { dataPlane } from './data/data-plane.ts';
import type { E2bDeps, Exchange } from './exchange.ts';
import { destinationOf } from './routing.ts';
import { answerUnreadable } from './unreadable.ts';

const HEADERS_TIMEOUT_MS = 10_000;
/** The SDK for Python keeps idle connections for 300 s; the server must not close them first. */
const KEEP_ALIVE_MS = 640_000;
const CHECK_MS = 1000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 32 * 1024;
const DEFAULT_GRACE_MS = 5000;

export interface E2bListenOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly tls?: E2bCertificate | undefined;
}

interface Pair {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface E2bCertificate {
  readonly pair: Pair;
  onReplaced(listener: (pair: Pair) => void): void;
}

export interface E2bServer {
  readonly port: number;
  readonly url: string;
  close(graceMs?: number): Promise<void>;
}

/** Listens for the SDKs of E2B. Rejects if the address is in use. */
export async function listenForE2b(deps: E2bDeps, { host, port, tls }: E2bListenOptions): Promise<E2bServer> {
  const control = controlPlane(deps);
  const data = dataPlane(deps);
  const server = serverFor(tls, (req, res) => {
    const exchange = exchangeOf(req, res, deps.random.uuid());
    if (exchange === undefined) return sendError(res, 400, 'The address of the request is invalid.');
    const destination = destinationOf({ headers: req.headers, url: req.url ?? '/' });
    const answered = destination.plane === 'control' ? control(exchange) : data.answer(exchange, destination);
    answered.catch((fault: unknown) => {
      deps.log.error('e2b.fault', { request_id: exchange.requestId, fault: fault instanceof Error ? (fault.stack ?? '') : String(fault) });
      sendError(res, 500, 'Unexpected server error.');
    });
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  // Each body has a deadline of its own.
  server.requestTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const { connections, stranger_connections: strangers } = deps.budgets.limits.atOnce;
  // Strangers evict one another before.
  server.maxConnections = connections.process + strangers.process + 1;
  deps.bounds.attach(server);
  answerUnreadable(server, deps.random);
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const destination = destinationOf({ headers: req.headers, url: req.url ?? '/' });
    if (destination.plane === 'data') data.upgrade(req, socket, head, destination).catch(() => socket.destroy());
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    port: bound,
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: (graceMs = DEFAULT_GRACE_MS) =>
      new Promise((resolve) => {
        const cut = deps.clock.after(graceMs, () => server.closeAllConnections());
        server.close(() => {
          cut.cancel();
          resolve();
        });
        data.close();
        server.closeIdleConnections();
      }),
  };
}

function serverFor(tls: E2bCertificate | undefined, listener: (req: IncomingMessage, res: ServerResponse) => void): Server {
  const accepting = { noDelay: true, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: MAX_HEADER_BYTES };
  if (tls === undefined) return createServer(accepting, listener);
  const identity = ({ cert, key }: Pair) => ({ cert, key, minVersion: 'TLSv1.2' }) as const;
  const server = createTlsServer(
    { ...identity(tls.pair), ALPNProtocols: ['http/1.1'], handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...accepting },
    listener,
  );
  tls.onReplaced((pair) => server.setSecureContext(identity(pair)));
  return server;
}

function exchangeOf(req: IncomingMessage, res: ServerResponse, requestId: string): Exchange | undefined {
  res.setHeader('X-Request-Id', requestId);
  if (!URL.canParse(req.url ?? '/', 'http://e2b')) return undefined;
  const left = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) left.abort();
  });
  return { req, res, requestId, url: new URL(req.url ?? '/', 'http://e2b'), signal: left.signal };
}
