import { createServer, type Socket } from 'node:net';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log, LogFields } from '../../seams/log.ts';
import { type Counter, type Metrics, silentMetrics } from '../../seams/metrics.ts';
import { networkOf } from '../domain/access/network.ts';
import { PendingConnections } from '../services/budget/pending-connections.ts';
import { Admission } from './admission.ts';
import { FairAdmission, type FairRates } from './fair-admission.ts';

/** How long `close` waits for peers to close their connections. */
const CLOSE_GRACE_MS = 1_000;
/** Most connections of one node: its stream, one that is closing, source downloads, renewals. */
const MAX_OF_A_NODE = 8;
/** Most addresses that are remembered as a node's. */
const MAX_TRUSTED = 10_000;

/** Bounds on unauthenticated peers of a port. Addresses in one IPv6 /64 count as one. */
export interface ConnectionBounds {
  readonly rates: FairRates;
  /** Concurrent connections per address. */
  readonly perAddress: number;
  readonly inAll: number;
  /** Time until TLS is complete. */
  readonly handshakeMs: number;
  /** Time until the peer is authenticated; the total lifetime on a port without authentication. */
  readonly lifeMs: number;
}

export interface ListenerOptions {
  readonly name: 'node' | 'join';
  readonly host: string;
  readonly port: number;
  /** Most connections, authenticated or not. */
  readonly maxConnections: number;
  readonly bounds: ConnectionBounds;
  /** Passes a connection to the server, which begins TLS. */
  readonly inject: (socket: Socket, peer: string) => void;
  /** Runs before each connection is served, for example to renew the server certificate. */
  readonly beforeConnection: () => Promise<void> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
}

/**
 * The TCP side of a port. Separate from the server library, so that connections can be counted,
 * bounded and cut off.
 */
export interface Listener {
  readonly port: number;
  /** Reports that TLS is complete on the connection of this peer (`address:port`). */
  secured(peer: string): void;
  /**
   * Reports that a call of this node was admitted on the connection. Only this lifts the bounds for
   * unauthenticated peers.
   */
  admitted(peer: string, nodeId: string): void;
  /** Ends the connection at once because it sent too many bytes. */
  overBytes(peer: string): void;
  /** Ends the connection at once. */
  cutOff(peer: string): void;
  /** Stops listening, gives peers a second to close, and cuts off the rest. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: Socket;
  readonly peer: string;
  readonly network: string;
  readonly handshake: Timer;
  readonly life: Timer;
  /** Undefined until the peer is authenticated as this node. */
  nodeId: string | undefined;
}

type Cause = 'address_pace' | 'pace' | 'too_many' | 'handshake' | 'silent' | 'bytes';

/** Resolves when the port is open. Rejects with the system's error (EADDRINUSE …). */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { name, bounds, inject, clock, log } = options;
  const connections = new Map<string, Connection>();
  const pending = new PendingConnections<Connection>(bounds);
  const admission = new FairAdmission(bounds.rates, clock);
  const trusted = new Set<string>();
  const ofNode = new Map<string, Set<Connection>>();
  const refusals = refusalsOf(name, { clock, log, metrics: options.metrics ?? silentMetrics });
  let onQuiet: (() => void) | undefined;

  const cut = ({ socket, peer }: Connection, cause: Cause) => {
    refusals(cause, { peer });
    socket.destroy();
  };

  const take = (socket: Socket) => {
    const address = socket.remoteAddress;
    socket.on('error', () => {}); // 'close' follows, so a lost connection is reported there
    if (address === undefined) return void socket.destroy(); // already closed
    const peer = `${address}:${socket.remotePort}`;
    const network = networkOf(address);
    const refused = admission.enter(network, trusted.has(network));
    if (refused !== undefined) {
      refusals(refused === 'address' ? 'address_pace' : 'pace', { peer });
      return void socket.destroy();
    }
    const connection: Connection = {
      socket,
      peer,
      network,
      handshake: clock.after(bounds.handshakeMs, () => cut(connection, 'handshake')),
      life: clock.after(bounds.lifeMs, () => cut(connection, 'silent')),
      nodeId: undefined,
    };
    connections.set(peer, connection);
    const oldest = pending.add(connection);
    if (oldest !== undefined) cut(oldest, 'too_many');
    socket.once('close', () => {
      connection.handshake.cancel();
      connection.life.cancel();
      connections.delete(peer);
      pending.delete(connection);
      const { nodeId } = connection;
      const own = nodeId === undefined ? undefined : ofNode.get(nodeId);
      own?.delete(connection);
      if (nodeId !== undefined && own?.size === 0) ofNode.delete(nodeId);
      // For example a certificate that TLS refused: the library does not report it.
      if (nodeId === undefined) log.debug('link.connection_without_call', { port: name, peer });
      if (connections.size === 0) onQuiet?.();
    });
    const preparation = options.beforeConnection();
    if (preparation === undefined) return inject(socket, peer);
    preparation.then(
      () => inject(socket, peer),
      (error: unknown) => {
        log.error('link.connection_not_taken', { port: name, peer, error: String(error) });
        socket.destroy();
      },
    );
  };

  const server = createServer(take);
  server.maxConnections = options.maxConnections;
  server.on('drop', () => refusals('too_many', { max: options.maxConnections }));
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.removeListener('error', reject);
      server.on('error', (error) => log.error('link.listener_failed', { port: name, error: error.message }));
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : options.port);
    });
  });

  return {
    port,
    secured: (peer) => connections.get(peer)?.handshake.cancel(),
    admitted(peer, nodeId) {
      const connection = connections.get(peer);
      if (connection === undefined || connection.nodeId !== undefined) return;
      connection.nodeId = nodeId;
      connection.handshake.cancel();
      connection.life.cancel();
      pending.delete(connection);
      if (trusted.size < MAX_TRUSTED) trusted.add(connection.network);
      const own = ofNode.get(nodeId) ?? new Set<Connection>();
      ofNode.set(nodeId, own);
      own.add(connection);
      const [oldest] = own;
      if (own.size > MAX_OF_A_NODE && oldest !== undefined) {
        own.delete(oldest);
        cut(oldest, 'too_many');
      }
    },
    overBytes(peer) {
      const connection = connections.get(peer);
      if (connection !== undefined) cut(connection, 'bytes');
    },
    cutOff: (peer) => connections.get(peer)?.socket.destroy(),
    async close() {
      server.close();
      if (connections.size > 0) {
        const quiet = new Promise<void>((resolve) => {
          onQuiet = resolve;
        });
        const grace = clock.after(CLOSE_GRACE_MS, () => {
          for (const { socket } of connections.values()) socket.destroy();
        });
        await quiet;
        grace.cancel();
      }
    },
  };
}

/** Counts every refused or cut connection, and logs some of them. */
function refusalsOf(port: string, { clock, log, metrics }: { readonly clock: Clock; readonly log: Log; readonly metrics: Metrics }) {
  const lines = new Admission({ perSecond: 1, burst: 20 }, clock);
  const refused: Counter<'port' | 'cause'> = metrics.counter({
    name: 'node_connections_refused_total',
    help: 'Connections to the node port and the join port that were refused or cut, by cause.',
    labels: ['port', 'cause'],
  });
  return (cause: Cause, about: LogFields) => {
    refused.add(1, { port, cause });
    if (lines.enter() === undefined) log.info('link.connection_refused', { port, cause, ...about });
  };
}
