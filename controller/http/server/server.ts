import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { HttpApp } from '../app.ts';
import { answerUnreadable, withHost } from './unreadable.ts';

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
const HEADERS_TIMEOUT_MS = 10_000;
/** How often Node.js looks for requests that are late: 30 s by default, which would be the bound then. */
const CHECK_MS = 1000;
/** For a whole request with its body: an upload of 64 MiB on a slow line. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Longer than load balancers and clients keep theirs, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;
const DEFAULT_GRACE_MS = 5000;
/** Of a request, so that headers take little before anybody is known; Node.js's own default. */
const MAX_HEADER_BYTES = 16 * 1024;
const ACCEPTING = { noDelay: true, requireHostHeader: false, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: MAX_HEADER_BYTES };

/** Rejects when the address is taken or the certificate cannot be read. */
export async function listen(app: HttpApp, options: ListenOptions): Promise<HttpServer> {
  const server = serverFor(withHost(app.koa.callback(), app.random), options);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const { connections, stranger_connections: strangers } = app.streams.budgets.limits.atOnce;
  // Strangers make room for one another; this is what the system must be able to hold.
  server.maxConnections = connections.process + strangers.process + 1;
  answerUnreadable(server, app.random);
  app.connections.attach(server);
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
    close: (graceMs = DEFAULT_GRACE_MS) => close(server, app, graceMs),
  };
}

function serverFor(listener: RequestListener, { tls }: ListenOptions): Server {
  if (tls === undefined) return createServer(ACCEPTING, listener);
  const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
  return createTlsServer({ cert, key, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...ACCEPTING }, listener);
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no TCP port');
  return address;
}

function close(server: Server, app: HttpApp, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = app.clock.after(graceMs, () => server.closeAllConnections());
    server.close(() => {
      cut.cancel();
      resolve();
    });
    app.streams.close();
    app.connections.closeWhenIdle();
  });
}
