import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type PendingUpgrade, setPending } from './pending-upgrade.ts';

/** Takes connections before the API sees them: for other hosts than that of the API. */
export interface UpgradeHandler {
  /** Returns whether this handler answers the request. */
  owns(request: IncomingMessage): boolean;
  /** Answers, or takes over the connection. Closes the socket on every path. */
  handle(upgrade: PendingUpgrade): void;
}

/**
 * Requests to switch a connection to WebSocket.
 * 1. They pass through the routes like all others: the same path table, authentication, budgets,
 *    audit and errors. A route takes the connection with `takeUpgrade`; if it answers instead, the
 *    client gets an ordinary HTTP response, and the connection is closed.
 * 2. A handler that owns the request comes before the routes, and does all that itself.
 * 3. Requests for any other protocol are answered as if they had not asked.
 */
export class Upgrades {
  readonly #handlers: UpgradeHandler[] = [];
  /** Connections that carry no more HTTP. */
  readonly #open = new Set<Socket>();
  #isClosing = false;

  add(handler: UpgradeHandler): void {
    this.#handlers.push(handler);
  }

  /** `began` is called for each request that the routes answer. */
  attach(server: Server, listener: RequestListener, began: RequestListener): void {
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      // Until a handler listens, and between handlers.
      socket.on('error', () => socket.destroy());
      socket.setTimeout(0);
      const handler = this.#handlers.find((one) => one.owns(request));
      if (handler === undefined) return this.#answered({ request, socket, head }, listener, began);
      this.#hold(socket);
      handler.handle({ request, socket, head });
    });
  }

  /** Connections that carry no more HTTP. */
  get open(): number {
    return this.#open.size;
  }

  /** Closes what has not closed by itself. */
  destroyAll(): void {
    this.#isClosing = true;
    for (const socket of [...this.#open]) socket.destroy();
  }

  #answered({ request, socket, head }: PendingUpgrade, listener: RequestListener, began: RequestListener): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => {
      response.detachSocket(socket);
      response.emit('close');
      socket.destroySoon();
      // What the client still sends is not HTTP of ours.
      socket.resume();
    });
    const take = () => {
      response.detachSocket(socket);
      this.#hold(socket);
    };
    setPending({ request, socket, head, take });
    began(request, response);
    listener(request, response);
  }

  #hold(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    if (this.#isClosing) socket.destroy();
  }
}

/** What the server upgrades. Anything else is answered as an ordinary request. */
export const shouldUpgrade = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
