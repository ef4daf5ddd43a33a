import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Context } from 'koa';
import type { Counter, Metrics } from '../../../seams/metrics.ts';
import type { Outcome } from '../../domain/engine/outcome.ts';
import type { Release } from '../../services/budget/at-once.ts';
import type { Budgets } from '../../services/budget/budgets.ts';
import type { Payer } from '../../services/budget/payer.ts';
import { PendingConnections } from '../../services/budget/pending-connections.ts';
import type { ClientAddresses } from './client-address.ts';

export interface ConnectionsDeps {
  readonly budgets: Budgets;
  readonly addresses: ClientAddresses;
  readonly metrics: Metrics;
}

interface Connection {
  /** The socket to close: with TLS, the TLS socket instead of the TCP socket below it. */
  socket: Socket;
  readonly network: string;
  /** The TLS handshake is complete, or there is none. */
  isReady: boolean;
  /** Responses in progress. */
  answers: number;
  /** Listener for the `close` of a response: one per connection, not one per request. */
  readonly answered: () => void;
  /** Set once a request has authenticated; until then, the connection is a stranger's. */
  release: Release | undefined;
}

/**
 * The connections of the server. New unauthenticated ones evict the oldest, so that open ones
 * cannot keep others out. Shutdown closes connections without a request, including those that never
 * carried one, which clients open ahead of use and Node.js's closeIdleConnections leaves open.
 */
export class Connections {
  readonly #budgets: Budgets;
  readonly #addresses: ClientAddresses;
  readonly #all = new Map<Socket, Connection>();
  readonly #byPeer = new Map<string, Connection>();
  readonly #strangers: PendingConnections<Connection>;
  readonly #cut: Counter<'reason'>;
  #closing = false;

  constructor({ budgets, addresses, metrics }: ConnectionsDeps) {
    this.#budgets = budgets;
    this.#addresses = addresses;
    const { process, address = process } = budgets.limits.atOnce.stranger_connections;
    this.#strangers = new PendingConnections({ perAddress: address, inAll: process });
    this.#cut = metrics.counter({
      name: 'http_connections_cut_total',
      help: 'Connections closed by the server, by reason.',
      labels: ['reason'],
    });
    metrics.gauge({
      name: 'http_connections',
      help: 'Open connections: of strangers, or of authenticated callers.',
      labels: ['of'],
      read: () => [
        { labels: { of: 'strangers' }, value: this.#strangers.size },
        { labels: { of: 'callers' }, value: budgets.held('connections') },
      ],
    });
  }

  attach(server: Server): void {
    const isTls = server instanceof TlsServer;
    server.on('connection', (socket: Socket) => this.#opened(socket, !isTls));
    if (isTls) server.on('secureConnection', (socket: Socket) => this.#secured(socket));
    server.on('request', this.began);
    server.on('drop', () => this.#cut.add(1, { reason: 'too_many' }));
  }

  /** Counts a response in progress. */
  readonly began = ({ socket }: IncomingMessage, res: ServerResponse): void => {
    const connection = this.#all.get(socket);
    if (connection === undefined) return;
    connection.answers += 1;
    res.on('close', connection.answered);
  };

  /** Counts the connection for the payer of an authenticated request. */
  admitted(socket: Socket, payer: Payer): Outcome<unknown> | undefined {
    const connection = this.#all.get(socket);
    if (connection === undefined || connection.release !== undefined) return undefined;
    const place = this.#budgets.take('connections', payer);
    if (!place.ok) return place;
    connection.release = place.value;
    this.#strangers.delete(connection);
    return undefined;
  }

  /** Closes idle connections, and the others after their responses. */
  closeWhenIdle(): void {
    this.#closing = true;
    for (const { socket, answers, isReady } of new Set(this.#all.values())) {
      if (!isReady) socket.destroy();
      else if (answers === 0) end(socket);
    }
  }

  #opened(socket: Socket, isReady: boolean): void {
    const { network, isProxy } = this.#addresses.peerOf(socket);
    // Before the handshake costs processor time.
    const isTooFast = !isReady && !isProxy && !this.#budgets.charge('handshakes', { address: network, standing: 'outsider' }).ok;
    if (isTooFast) {
      this.#cut.add(1, { reason: 'handshakes' });
      socket.destroy();
      return;
    }
    const answered = () => {
      connection.answers -= 1;
      if (this.#closing && connection.answers === 0) end(connection.socket);
    };
    const connection: Connection = { socket, network, isReady, answers: 0, answered, release: undefined };
    const peer = peerOf(socket);
    this.#all.set(socket, connection);
    this.#byPeer.set(peer, connection);
    socket.once('close', () => {
      this.#all.delete(socket);
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer);
      this.#strangers.delete(connection);
      connection.release?.();
    });
    // All clients behind a trusted proxy share its connections.
    const oldest = isProxy ? undefined : this.#strangers.add(connection);
    if (oldest === undefined) return;
    this.#cut.add(1, { reason: 'too_many_strangers' });
    oldest.socket.destroy();
  }

  /** After the handshake, requests refer to the connection by its TLS socket. */
  #secured(socket: Socket): void {
    const connection = this.#byPeer.get(peerOf(socket));
    if (connection === undefined) return;
    connection.socket = socket;
    connection.isReady = true;
    this.#all.set(socket, connection);
    socket.once('close', () => this.#all.delete(socket));
  }
}

/** A socket that is already ending only waits for its client: destroy it. */
function end(socket: Socket): void {
  if (!socket.writableEnded) socket.end();
  else if (socket.writableFinished) socket.destroy();
  else socket.once('finish', () => socket.destroy());
}

/**
 * Returns whether the client disconnected. The response's `close` has passed then and releases
 * nothing.
 */
export const hasLeft = (ctx: Pick<Context, 'req'>): boolean => ctx.req.socket.destroyed;

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`;
