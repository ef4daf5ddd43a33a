import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { HttpApp } from '../app.ts';
import type { KeyPair } from '../tls/key-pair.ts';
import { shouldUpgrade } from '../upgrades/upgrades.ts';
import { watchBodies } from './body-deadlines.ts';
import { countHandshakes } from './handshakes.ts';
import { answerUnreadable, withHost } from './unreadable.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Without it, plain HTTP. */
  readonly tls?: Certificate | undefined;
}

export interface Certificate {
  readonly pair: KeyPair;
  /** The server presents a new pair to connections that begin later. */
  onReplaced(listener: (pair: KeyPair) => void): void;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /**
   * Ends event streams, lets requests in progress finish within `graceMs`, then closes all
   * connections.
   */
  close(graceMs?: number): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Interval in which Node.js enforces its timeouts; its default of 30 s would be too coarse. */
const CHECK_MS = 1000;
/** Longer than load balancers and clients use, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
const DEFAULT_GRACE_MS = 5000;
/** The default of Node.js; bounds memory of unauthenticated requests. */
const MAX_HEADER_BYTES = 16 * 1024;
const ACCEPTING = {
  noDelay: true,
  requireHostHeader: false,
  connectionsCheckingInterval: CHECK_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
  shouldUpgradeCallback: shouldUpgrade,
};

/** Rejects if the address is in use. */
export async function listen(app: HttpApp, options: ListenOptions): Promise<HttpServer> {
  const listener = withHost(app.koa.callback(), app.random);
  const server = serverFor(listener, app, options);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = 0;
  watchBodies(server, app.clock);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const { connections, stranger_connections: strangers } = app.streams.budgets.limits.atOnce;
  // Strangers evict one another before this bound, which the system must sustain.
  server.maxConnections = connections.process + strangers.process + 1;
  answerUnreadable(server, app.random);
  app.connections.attach(server);
  app.upgrades.attach(server, listener, app.connections.began);
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

function serverFor(listener: RequestListener, { metrics }: HttpApp, { tls }: ListenOptions): Server {
  if (tls === undefined) return createServer(ACCEPTING, listener);
  const identity = ({ cert, key }: KeyPair) => ({ cert, key, minVersion: 'TLSv1.2' }) as const;
  const handshake = { handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ALPNProtocols: ['http/1.1'] };
  const server = createTlsServer({ ...identity(tls.pair), ...handshake, ...ACCEPTING }, listener);
  tls.onReplaced((pair) => server.setSecureContext(identity(pair)));
  countHandshakes(server, metrics);
  return server;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a TCP port');
  return address;
}

function close(server: Server, app: HttpApp, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = app.clock.after(graceMs, () => {
      server.closeAllConnections();
      app.upgrades.destroyAll();
    });
    server.close(() => {
      cut.cancel();
      resolve();
    });
    app.streams.close();
    app.connections.closeWhenIdle();
  });
}
