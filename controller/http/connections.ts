import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/**
 * The server's connections, to end those without a request in flight when it closes. Node.js's own closeIdleConnections leaves
 * those that never carried a request, as clients keep them ready, and the server would wait for their header timeout.
 */
export class Connections {
  readonly #inFlight = new Map<Socket, number>();
  #closing = false;

  constructor(server: Server) {
    // Below TLS is another socket, which is not to be ended under a request.
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => this.#opened(socket));
    server.on('request', ({ socket }, res) => {
      this.#count(socket, 1);
      res.once('close', () => this.#count(socket, -1));
    });
  }

  /** Ends what carries no request now, and the rest as soon as its requests are answered. */
  closeWhenIdle(): void {
    this.#closing = true;
    for (const [socket, requests] of this.#inFlight) if (requests === 0) socket.end();
  }

  #opened(socket: Socket): void {
    this.#inFlight.set(socket, 0);
    socket.once('close', () => this.#inFlight.delete(socket));
  }

  #count(socket: Socket, change: 1 | -1): void {
    const requests = this.#inFlight.get(socket);
    if (requests === undefined) return;
    this.#inFlight.set(socket, requests + change);
    if (this.#closing && requests + change === 0) socket.end();
  }
}
