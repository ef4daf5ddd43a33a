import { createServer, type Socket } from 'node:net';
import type { ConnectionInjector } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';

/** A connection that has not made one call by then is closed: TLS is not done, or nothing is wanted. */
const FIRST_CALL_MS = 20_000;
/** How long `close` waits for peers to hang up by themselves. */
const CLOSE_GRACE_MS = 1_000;

export interface ListenerOptions {
  /** "node" or "join", for the log. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  /** Where connections go. TLS begins there. */
  readonly injector: ConnectionInjector;
  /** What must be done before the next connection is taken, such as a new server certificate. */
  readonly beforeConnection: () => Promise<void> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** The TCP side of a port, held here and not by the gRPC library so that connections can be counted, bounded and cut off. */
export interface Listener {
  readonly port: number;
  /** A call came over this connection (`address:port` of the peer). */
  spoke(peer: string): void;
  /** Ends the connection at once. */
  cutOff(peer: string): void;
  /** Stops listening, gives peers a second to hang up, and cuts off the rest. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: Socket;
  readonly silence: Timer;
  spoke: boolean;
}

/** Resolves when the port is open; rejects with the system's error (EADDRINUSE …). */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { name, injector, clock, log } = options;
  const connections = new Map<string, Connection>();
  let onQuiet: (() => void) | undefined;

  const take = (socket: Socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const silence = clock.after(FIRST_CALL_MS, () => {
      log.info('link.silent_connection_closed', { port: name, peer });
      socket.destroy();
    });
    const connection: Connection = { socket, silence, spoke: false };
    connections.set(peer, connection);
    socket.on('error', () => {}); // 'close' follows, and a lost connection is nothing to report here
    socket.once('close', () => {
      silence.cancel();
      connections.delete(peer);
      // A certificate that TLS refused, among other things: the library tells nobody.
      if (!connection.spoke) log.debug('link.connection_without_call', { port: name, peer });
      if (connections.size === 0) onQuiet?.();
    });
    const preparation = options.beforeConnection();
    if (preparation === undefined) injector.injectConnection(socket);
    else
      preparation.then(
        () => injector.injectConnection(socket),
        (error: unknown) => {
          log.error('link.connection_not_taken', { port: name, peer, error: String(error) });
          socket.destroy();
        },
      );
  };

  const server = createServer(take);
  server.maxConnections = options.maxConnections;
  server.on('drop', () => log.warn('link.connection_refused', { port: name, reason: 'too many connections', max: options.maxConnections }));
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
    spoke(peer) {
      const connection = connections.get(peer);
      if (connection === undefined) return;
      connection.spoke = true;
      connection.silence.cancel();
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
      injector.destroy();
    },
  };
}
